import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { openGpu } from '../../../../model/backends/gpu/device/adapter.js';
import type { GpuDevice } from '../../../../model/backends/gpu/device/gpu-device.js';
import { GpuMachine } from '../../../../model/backends/gpu/gpu-machine.js';
import { freeGpuWeights } from '../../../../model/backends/gpu/weights/gpu-weights.js';
import type { KernelPlan } from '../../../../model/backends/gpu/kernel-plan.js';
import { FEW_ROWS } from '../../../../model/backends/gpu/row-buffers.js';
import { samplerSettings } from '../../../../model/integer/sampler.js';
import { feedOnly, type Sequence, type StepRecord } from '../../../../model/machine/machine.js';
import type { ModelSections } from '../../../../protocol/image/model-shape.js';
import { count } from '../../../helpers/counts.js';
import { gpuModel, hasGpu } from '../../../helpers/gpu.js';
import { gathered, receiptsOf, referenceSequence, TEST_IMAGE } from '../../../helpers/machines.js';
import { Prng } from '../../../oracle/prng.js';
import { EXTREME_MODELS, randomModel, SMALL, type ModelRecipe } from '../../../oracle/random-model.js';
import { AT_HOME, itMovesBetween } from '../../machine/moves.js';
import { describePromises, SECTIONS } from '../../machine/promises.js';
import { itComputesEachAsIfItWereAlone } from './joins.js';

/**
 * One for all tests: kernels of the same text are compiled once for a device, which takes a software adapter a second
 * each.
 */
let gpu: GpuDevice;
beforeAll(async () => {
  if (hasGpu) gpu = await openGpu();
});
afterAll(() => {
  if (hasGpu) gpu.destroy();
});

/** Compilation by a software adapter on a busy machine. */
const PATIENCE_MS = 240_000;

/** Without `close`: the device is everybody's. */
async function subject(sections: ModelSections, plan: Partial<KernelPlan> = {}): Promise<Sequence> {
  return await (await GpuMachine.create(await gpuModel(sections, plan, gpu), TEST_IMAGE)).open();
}

async function tapped(sequence: Sequence, tokens: readonly number[]): Promise<StepRecord[]> {
  return await gathered(sequence.feed(tokens, { want: 'taps' }));
}

function randomTokens(seed: number, length: number, vocabSize: number): number[] {
  const random = new Prng(seed);
  return Array.from({ length }, () => random.between(0, vocabSize - 1));
}

const greedy = samplerSettings({ temperature: 0, topK: 1, topP: 1, seed: 1n });
const sampled = samplerSettings({ temperature: 1, topK: 40, topP: 0.95, seed: 7n });

/** Both ways through the kernels: rows of tokens, with receipts and taps, and a run of fused steps. */
async function expectSameBits(
  sections: ModelSections,
  plan: Partial<KernelPlan>,
  counts: { readonly fed: number; readonly chosen: number },
): Promise<void> {
  const { vocabSize } = sections.shape;
  const oracle = await referenceSequence(sections);
  const sequence = await subject(sections, plan);
  const tokens = randomTokens(11, counts.fed, vocabSize);
  expect(await tapped(sequence, tokens)).toEqual(await tapped(oracle, tokens));
  const request = { prompt: tokens.slice(0, 3), maxTokens: counts.chosen, sampler: sampled };
  expect(await gathered(sequence.generate(request))).toEqual(await gathered(oracle.generate(request)));
}

/** Whether kernels are compiled for this, which takes a software adapter several seconds for each shape and plan. */
const isInCi = (shape: ModelRecipe['shape']): boolean => shape === undefined || shape === SMALL;
const isLongRun = count(0, 1) === 1;

describe.skipIf(!hasGpu)('the GPU computes what the reference computes', () => {
  const extremes = Object.entries(EXTREME_MODELS).filter(([, { shape }]) => isLongRun || isInCi(shape));

  it.each(extremes)(
    'on an extreme model: %s',
    async (_, recipe) => {
      // A step of rows of 8,192 takes a software adapter a second.
      const isLong = (recipe.shape?.intermediateSize ?? 0) > 1000;
      await expectSameBits(randomModel(11, recipe), {}, isLong ? { fed: 3, chosen: 2 } : { fed: 12, chosen: 8 });
    },
    PATIENCE_MS,
  );

  // The odd default shape; the kernels are those of the extreme models of that shape. In CI the first feeds more than
  // fit at a time.
  it.each([
    [1, count(1030, 2500), 200],
    [2, count(70, 2500), count(20, 200)],
    [3, count(70, 2500), count(20, 200)],
  ])(
    'on random model %i, over %i tokens that are fed and %i that are chosen',
    async (seed, fed, chosen) => {
      await expectSameBits(randomModel(seed), {}, { fed, chosen });
    },
    PATIENCE_MS,
  );

  // Wide enough for several lanes a row, each of which ends a row of its own.
  const WIDE = { shape: { hiddenSize: 200, intermediateSize: 250, vocabSize: 70, layers: 1 } };

  it.each([
    ...(isLongRun ? [['without subgroups', {}, { subgroups: false }] as const] : []),
    ['with few workgroups, each with several rows for the same lanes', WIDE, { size: 256, workgroups: 1 }],
    ['with many lanes a row, and no subgroups', WIDE, { subgroups: false, size: 128 }],
  ] as const)(
    '%s',
    async (_, recipe, plan) => {
      await expectSameBits(randomModel(4, recipe), plan, { fed: 40, chosen: 40 });
    },
    PATIENCE_MS,
  );

  it(
    'where the fused kernels do not fit and a step is a row',
    async () => {
      await expectSameBits(randomModel(5), { size: 1 << 20 }, { fed: 5, chosen: 40 });
    },
    PATIENCE_MS,
  );

  // Each used to be uploaded by itself, which took a batch of short texts a tenth of its time.
  it('behind states that are all cleared in one submission', async () => {
    const machine = await GpuMachine.create(await gpuModel(SECTIONS, {}, gpu), TEST_IMAGE);
    const sequences = await Promise.all([1, 2, 3, 4].map(async () => await machine.open()));
    const begun = async (): Promise<number[][]> => {
      return await Promise.all(sequences.map(async (sequence, k) => await receiptsOf(sequence, [5 + k, 3])));
    };
    const expected = await begun();
    const submit = vi.spyOn(gpu, 'submit');
    const [kept, ...others] = sequences;
    for (const sequence of others) await sequence.reset();
    expect(submit).toHaveBeenCalledTimes(0);
    const states = await Promise.all(sequences.map(async (sequence) => await sequence.save()));
    // That, and one for each that is read.
    expect(submit).toHaveBeenCalledTimes(1 + sequences.length);
    submit.mockRestore();
    expect(states.map(({ words }) => words.some((word) => word !== 0))).toEqual([true, false, false, false]);
    await kept!.reset();
    expect(await begun()).toEqual(expected);
    await machine.close();
  });

  it('whatever the sampler is asked for', async () => {
    const sections = randomModel(6);
    const [sequence, oracle] = [await subject(sections), await referenceSequence(sections)];
    const random = new Prng(5);
    for (let round = 0; round < count(15, 200); round++) {
      const sampler = samplerSettings({
        temperature: round % 5 === 0 ? 0 : random.between(50, 3000) / 1000,
        topK: random.between(1, 64),
        topP: random.between(1, 100) / 100,
        seed: (BigInt(random.between(0, 2 ** 31)) << 32n) | BigInt(random.between(0, 2 ** 31)),
      });
      const request = { prompt: [random.between(0, 52)], maxTokens: 12, sampler };
      expect(await gathered(sequence.generate(request))).toEqual(await gathered(oracle.generate(request)));
    }
  });
});

describe.skipIf(!hasGpu)('a prompt on the GPU', () => {
  it('gives the same however it is cut', async () => {
    const sections = randomModel(8);
    const sequence = await subject(sections);
    const tokens = randomTokens(3, 3 * FEW_ROWS, sections.shape.vocabSize);
    const whole = await receiptsOf(sequence, tokens);
    for (const piece of [1, 7, FEW_ROWS, FEW_ROWS + 1]) {
      await sequence.reset();
      const pieces: number[] = [];
      for (let start = 0; start < tokens.length; start += piece) {
        pieces.push(...(await receiptsOf(sequence, tokens.slice(start, start + piece))));
      }
      expect(pieces).toEqual(whole);
    }
  });

  it.each([1, 2, 16, 17, 18, 2 * FEW_ROWS])('of %i tokens leads to the same run', async (length) => {
    const sections = randomModel(9);
    const request = { prompt: randomTokens(4, length, 53), maxTokens: 5, sampler: greedy };
    const [sequence, oracle] = [await subject(sections), await referenceSequence(sections)];
    expect(await gathered(sequence.generate(request))).toEqual(await gathered(oracle.generate(request)));
  });
});

describe.skipIf(!hasGpu)('a run on the GPU', () => {
  it(
    'ends with whichever of several tokens comes first, after which the state does not move',
    { timeout: PATIENCE_MS },
    async () => {
      const shape = { vocabSize: 53, eosTokenId: 17, eosTokenIds: [3, 17, 41, 52] };
      const sections = randomModel(12, { shape });
      const [sequence, oracle] = [await subject(sections), await referenceSequence(sections)];
      const endings = new Set<number | undefined>();
      for (const seed of [1n, 2n]) {
        const sampler = samplerSettings({ temperature: 10, topK: 64, topP: 1, seed });
        const request = { prompt: [1], maxTokens: 500, sampler };
        const tokens = await gathered(sequence.generate(request));
        expect(tokens).toEqual(await gathered(oracle.generate(request)));
        expect(await tapped(sequence, [2])).toEqual(await tapped(oracle, [2]));
        endings.add(tokens.at(-1)?.id);
      }
      expect([...endings].every((id) => shape.eosTokenIds.includes(id ?? -1))).toBe(true);
      expect([...endings].some((id) => id !== shape.eosTokenId)).toBe(true);
    },
  );
});

describe.skipIf(!hasGpu)('on a GPU', () => {
  describePromises('gpu', {
    make: async (sections) => await GpuMachine.create(await gpuModel(sections, {}, gpu), TEST_IMAGE),
    patienceMs: PATIENCE_MS,
  });
});

describe.skipIf(!hasGpu)('a batch on the GPU', () => {
  it.each([2, FEW_ROWS])(
    'of %i computes each sequence as if it were alone',
    async (batch) => {
      const sections = randomModel(13);
      const random = new Prng(batch);
      const requests = Array.from({ length: batch }, (_, sequence) => ({
        prompt: randomTokens(sequence, random.between(1, 40), 53),
        maxTokens: random.between(1, 25),
        sampler: samplerSettings({
          temperature: random.between(0, 2),
          topK: random.between(1, 64),
          topP: 0.9,
          seed: BigInt(random.between(0, 1000)),
        }),
      }));
      const machine = await GpuMachine.create(await gpuModel(sections, {}, gpu), TEST_IMAGE);
      const sequences = await Promise.all(requests.map(() => machine.open()));
      const outputs = await Promise.all(sequences.map((sequence, k) => gathered(sequence.generate(requests[k]!))));
      for (const [k, request] of requests.entries()) {
        expect(outputs[k]).toEqual(await gathered((await referenceSequence(sections)).generate(request)));
      }
      await machine.close();
    },
    PATIENCE_MS,
  );
});

describe.skipIf(!hasGpu)('logits of several sequences', () => {
  // It used to go on at once, with a state that was not back yet: its logits were those of another text.
  it('go on for one that was set aside when its state is back, not before', { timeout: PATIENCE_MS }, async () => {
    const machine = await GpuMachine.create(await gpuModel(SECTIONS, {}, gpu), TEST_IMAGE);
    const tokens = [5, 6, 7, 8, 9, 10];
    const expected = await receiptsOf(await referenceSequence(SECTIONS), tokens);
    const begin = async (): Promise<AsyncIterator<StepRecord>> =>
      (await machine.open()).feed(tokens, { want: 'logits' })[Symbol.asyncIterator]();
    const [slow, quick] = [await begin(), await begin()];
    const receipt = async (reader: AsyncIterator<StepRecord>): Promise<number> =>
      ((await reader.next()) as IteratorYieldResult<StepRecord>).value.receipt;
    expect(await Promise.all([receipt(slow), receipt(quick)])).toEqual([expected[0], expected[0]]);
    let release = (): void => {};
    const busy = machine.feedAlone(async () => await new Promise<void>((resolve) => (release = resolve)));
    const feed = machine.feed.bind(machine);
    const setAside = new Promise<void>((resolve) => {
      vi.spyOn(machine, 'feed').mockImplementation(async (...what) => {
        resolve();
        await feed(...what);
      });
    });
    const second = receipt(quick);
    await setAside;
    const again = receipt(slow);
    expect(await second).toBe(expected[1]);
    // To its end: whoever can come back comes back meanwhile.
    for (const next of expected.slice(2)) expect(await receipt(quick)).toBe(next);
    release();
    expect(await again).toBe(expected[1]);
    await busy;
    await machine.close();
  });
});

describe.skipIf(!hasGpu)('a text, with a GPU on its way,', () => {
  const make = async (): Promise<GpuMachine> => await GpuMachine.create(await gpuModel(SECTIONS, {}, gpu), TEST_IMAGE);
  itMovesBetween([...AT_HOME, { name: 'gpu', make }]);
});

describe.skipIf(!hasGpu)('a GPU with many visitors', () => {
  const sections = randomModel(14);
  itComputesEachAsIfItWereAlone(
    async () => await GpuMachine.create(await gpuModel(sections, {}, gpu), TEST_IMAGE),
    sections,
  );
});

describe.skipIf(!hasGpu)('memory on the GPU', () => {
  it('is given back by machines that are closed', async () => {
    const model = await gpuModel(randomModel(13), {}, gpu);
    const before = gpu.allocatedBytes;
    for (let round = 0; round < 3; round++) {
      const machine = await GpuMachine.create(model, TEST_IMAGE);
      const sequences = [await machine.open(), await machine.open()];
      await feedOnly(sequences[0]!, [1, 2, 3]);
      for (const want of ['taps', 'logits'] as const) await gathered(sequences[1]!.feed([1, 2, 3], { want }));
      expect(gpu.allocatedBytes).toBeGreaterThan(before);
      for (const sequence of sequences) await sequence.close();
      await machine.close();
      expect(gpu.allocatedBytes).toBe(before);
    }
  });

  it('is given back by models that are freed', async () => {
    const before = gpu.allocatedBytes;
    const { weights } = await gpuModel(randomModel(13), {}, gpu);
    expect(gpu.allocatedBytes).toBeGreaterThan(before);
    freeGpuWeights(gpu, weights);
    expect(gpu.allocatedBytes).toBe(before);
  });
});
