import { describe, expect, it } from 'vitest';
import type { Backend, GeneratedToken, GenerateRequest } from '../../../model/backends/backend.js';
import { ReferenceBackend } from '../../../model/backends/reference-backend.js';
import { SimulatorBackend } from '../../../model/backends/simulator-backend.js';
import { readModelWeights, residentBytes } from '../../../model/integer/model-weights.js';
import { samplerSettings } from '../../../model/integer/sampler.js';
import { MODEL_PROGRAM } from '../../../model/program/model-program.js';
import type { ModelSections } from '../../../protocol/image/model-shape.js';
import { randomModel } from '../../oracle/random-model.js';

const SEEDS = [1n, 2n, 3n, 4n, 5n, 6n];
const ENDS = [3, 17, 52];

const MACHINES: readonly (readonly [string, (sections: ModelSections) => Backend])[] = [
  ['the reference', (sections) => new ReferenceBackend(readModelWeights(residentBytes(sections)))],
  ['the simulator', (sections) => new SimulatorBackend(residentBytes(sections), MODEL_PROGRAM)],
];

async function generated(backend: Backend, seed: bigint): Promise<GeneratedToken[]> {
  const sampler = samplerSettings({ temperature: 10, topK: 64, topP: 1, seed });
  const request: GenerateRequest = { prompt: [1], maxTokens: 60, sampler };
  const tokens: GeneratedToken[] = [];
  for await (const token of backend.generate(request)) tokens.push(token);
  return tokens;
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
