/** The machine of WebAssembly gives the integers of the reference, whatever its kernels, threads and batches. */
import { describe, expect, it } from 'vitest';
import { FAMILIES, type KernelFamily } from '../../../../model/backends/cpu/kernels.js';
import type { Machine, StepRecord } from '../../../../model/machine/machine.js';
import type { ModelSections } from '../../../../protocol/image/model-shape.js';
import { GREEDY } from '../../../../protocol/sampling.js';
import { cpuOf } from '../../../helpers/cpu.js';
import { gathered, referenceOf } from '../../../helpers/machines.js';
import { EXTREME_MODELS, randomModel } from '../../../oracle/random-model.js';
import { describePromises } from '../../machine/promises.js';
import { familiesOfNode } from '../../../../model/backends/cpu/node/families.js';

/** Those that this version of Node computes right. */
const families = FAMILIES.filter((family) => familiesOfNode().includes(family));

describePromises('cpu', { make: cpuOf });

describe('the kernels', () => {
  it.each(Object.entries(EXTREME_MODELS))('give the integers of the reference: %s', async (_title, recipe) => {
    await expectSameBits(randomModel(3, recipe), families);
  });
});

describe('an embedding', () => {
  it('stays in the image if it is large, with the integers of the reference', async () => {
    const sections = randomModel(23, { shape: { vocabSize: 66_000, hiddenSize: 64 } });
    expect(sections.embedding.length).toBeGreaterThan(2 ** 22);
    await expectSameBits(sections, families.slice(0, 1));
  });
});

describe('threads', () => {
  it.each([2, 3, 4])('%i of them give the integers of the reference', async (threads) => {
    const sections = randomModel(21, { shape: { hiddenSize: 200, intermediateSize: 330, vocabSize: 700 } });
    const family = familiesOfNode()[0]!;
    const tokens = Array.from({ length: 40 }, (_, k) => (k * 13 + 5) % 700);
    const machine = await cpuOf(sections, { threads, setting: { family, threads } });
    expect(await recordsOf(machine, tokens)).toEqual(await recordsOf(referenceOf(sections), tokens));
    await machine.close();
  });

  it('chooses among families and threads while it computes, with the same tokens', async () => {
    const sections = randomModel(22, { shape: { eosTokenId: 52 } });
    const machine = await cpuOf(sections, { threads: 2, isFixed: false });
    const request = { prompt: [3], maxTokens: 1500, sampler: GREEDY };
    const found = await gathered((await machine.open()).generate(request));
    expect(found).toEqual(await gathered((await referenceOf(sections).open()).generate(request)));
    await machine.close();
  });
});

/** Records of each machine are those of the reference, with taps. */
async function expectSameBits(sections: ModelSections, kernels: readonly KernelFamily[]): Promise<void> {
  const { vocabSize } = sections.shape;
  const tokens = Array.from({ length: 12 }, (_, k) => (k * 7 + 3) % vocabSize);
  const expected = await recordsOf(referenceOf(sections), tokens);
  for (const family of kernels) {
    const machine = await cpuOf(sections, { families: [family] });
    expect({ family, records: await recordsOf(machine, tokens) }).toEqual({ family, records: expected });
    await machine.close();
  }
}

async function recordsOf(machine: Machine, tokens: readonly number[]): Promise<StepRecord[]> {
  const sequence = await machine.open();
  const found: StepRecord[] = [];
  for await (const record of sequence.feed(tokens, { want: 'taps' })) found.push(record);
  return found;
}
