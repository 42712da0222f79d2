import { describe, expect, it } from 'vitest';
import type { GeneratedToken, Machine } from '../../../model/machine/machine.js';
import { simulatorMachine } from '../../../model/machine/simulator.js';
import { residentBytes } from '../../../model/integer/model-weights.js';
import { samplerSettings } from '../../../model/integer/sampler.js';
import { MODEL_PROGRAM } from '../../../model/program/model-program.js';
import type { ModelSections } from '../../../protocol/image/model-shape.js';
import { randomModel } from '../../oracle/random-model.js';
import { gathered, referenceOf, TEST_IMAGE } from '../../helpers/machines.js';

const SEEDS = [1n, 2n, 3n, 4n, 5n, 6n];
const ENDS = [3, 17, 52];

const MACHINES: readonly (readonly [string, (sections: ModelSections) => Machine])[] = [
  ['the reference', referenceOf],
  ['the simulator', (sections) => simulatorMachine(residentBytes(sections), MODEL_PROGRAM, TEST_IMAGE)],
];

async function generated(machine: Machine, seed: bigint): Promise<GeneratedToken[]> {
  const sampler = samplerSettings({ temperature: 10, topK: 64, topP: 1, seed });
  return await gathered((await machine.open()).generate({ prompt: [1], maxTokens: 60, sampler }));
}

describe.each(MACHINES)('on %s a text', (_title, machine) => {
  it('ends with whichever of several tokens comes first', async () => {
    // A token beyond the vocabulary, which never comes.
    const endless = randomModel(12, { shape: { vocabSize: 53, eosTokenId: 53 } });
    const ending = { ...endless, shape: { ...endless.shape, eosTokenId: 17, eosTokenIds: ENDS } };
    const seen = new Set<number | undefined>();
    for (const seed of SEEDS) {
      const whole = await generated(machine(endless), seed);
      const end = whole.findIndex(({ id }) => ENDS.includes(id));
      expect(end).toBeGreaterThanOrEqual(0);
      expect(await generated(machine(ending), seed)).toEqual(whole.slice(0, end + 1));
      seen.add(whole[end]?.id);
    }
    expect(seen.size).toBeGreaterThan(1);
  });
});
