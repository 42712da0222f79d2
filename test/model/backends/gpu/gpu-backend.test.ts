import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Backend, GeneratedToken, GenerateRequest, StepRecord } from '../../../../model/backends/backend.js';
import { openGpu } from '../../../../model/backends/gpu/device/adapter.js';
import { GpuBackend } from '../../../../model/backends/gpu/gpu-backend.js';
import type { GpuDevice } from '../../../../model/backends/gpu/device/gpu-device.js';
import { GpuSequences, type SequenceRun } from '../../../../model/backends/gpu/gpu-sequences.js';
import { freeGpuWeights } from '../../../../model/backends/gpu/gpu-weights.js';
import type { KernelPlan } from '../../../../model/backends/gpu/kernel-plan.js';
import { FEW_ROWS } from '../../../../model/backends/gpu/row-buffers.js';
import { ReferenceBackend } from '../../../../model/backends/reference-backend.js';
import { readModelWeights, residentBytes } from '../../../../model/integer/model-weights.js';
import { samplerSettings } from '../../../../model/integer/sampler.js';
import type { SamplerSettings } from '../../../../protocol/sampling.js';
import type { ModelSections } from '../../../../protocol/image/model-shape.js';
import { gpuModel, hasGpu } from '../../../helpers/gpu.js';
import { Prng } from '../../../oracle/prng.js';
import { EXTREME_MODELS, randomModel } from '../../../oracle/random-model.js';

/** One for all tests: kernels of the same text are compiled once for a device, which takes a software adapter a second each. */
let gpu: GpuDevice;
beforeAll(async () => {
  if (hasGpu) gpu = await openGpu();
});
afterAll(() => {
  if (hasGpu) gpu.destroy();
});

/** Compilation by a software adapter on a busy machine. */
const PATIENCE_MS = 240_000;

function reference(sections: ModelSections): Backend {
  return new ReferenceBackend(readModelWeights(residentBytes(sections)));
}

/** Without `close`, which would end the device. */
async function subject(sections: ModelSections, plan: Partial<KernelPlan> = {}): Promise<GpuBackend> {
  return await GpuBackend.create(await gpuModel(sections, plan, gpu));
}

async function replayed(backend: Backend, tokens: readonly number[], taps: boolean): Promise<StepRecord[]> {
  const records: StepRecord[] = [];
  await backend.replay(tokens, { taps }, (record) => records.push(record));
  return records;
}

async function generated(backend: Backend, request: GenerateRequest): Promise<GeneratedToken[]> {
  const tokens: GeneratedToken[] = [];
  for await (const token of backend.generate(request)) tokens.push(token);
  return tokens;
}

function randomTokens(seed: number, count: number, vocabSize: number): number[] {
  const random = new Prng(seed);
  return Array.from({ length: count }, () => random.between(0, vocabSize - 1));
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
  const oracle = reference(sections);
  const backend = await subject(sections, plan);
  const tokens = randomTokens(11, counts.fed, vocabSize);
  expect(await replayed(backend, tokens, true)).toEqual(await replayed(oracle, tokens, true));
  const request = { prompt: tokens.slice(0, 3), maxTokens: counts.chosen, sampler: sampled };
  expect(await generated(backend, request)).toEqual(await generated(oracle, request));
}

describe.skipIf(!hasGpu)('the GPU computes what the reference computes', () => {
  const extremes = Object.entries(EXTREME_MODELS);

  it.each(extremes)(
    'on an extreme model: %s',
    async (_, recipe) => {
      await expectSameBits(randomModel(11, recipe), {}, { fed: 12, chosen: 8 });
    },
    PATIENCE_MS,
  );

  // The odd default shape; the kernels are those of the extreme models of that shape.
  it.each([1, 2, 3])(
    'on random model %i, over 2,700 tokens',
    async (seed) => {
      await expectSameBits(randomModel(seed), {}, { fed: 2500, chosen: 200 });
    },
    PATIENCE_MS,
  );

  // Wide enough for several lanes a row, each of which ends a row of its own.
  const WIDE = { shape: { hiddenSize: 200, intermediateSize: 250, vocabSize: 70, layers: 1 } };

  it.each([
    ['without subgroups', {}, { subgroups: false }],
    ['with few workgroups, each with several rows for the same lanes', WIDE, { size: 64, workgroups: 1 }],
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

  it('whatever the sampler is asked for', async () => {
    const sections = randomModel(6);
    const [backend, oracle] = [await subject(sections), reference(sections)];
    const random = new Prng(5);
    for (let round = 0; round < 40; round++) {
      const sampler = samplerSettings({
        temperature: round % 5 === 0 ? 0 : random.between(50, 3000) / 1000,
        topK: random.between(1, 64),
        topP: random.between(1, 100) / 100,
        seed: (BigInt(random.between(0, 2 ** 31)) << 32n) | BigInt(random.between(0, 2 ** 31)),
      });
      const request = { prompt: [random.between(0, 52)], maxTokens: 12, sampler, firstIndex: random.between(0, 1000) };
      expect(await generated(backend, request)).toEqual(await generated(oracle, request));
    }
  });
});

describe.skipIf(!hasGpu)('a prompt on the GPU', () => {
  it('gives the same however it is cut', async () => {
    const sections = randomModel(8);
    const backend = await subject(sections);
    const tokens = randomTokens(3, 3 * FEW_ROWS, sections.shape.vocabSize);
    const whole = await replayed(backend, tokens, false);
    for (const piece of [1, 7, FEW_ROWS, FEW_ROWS + 1]) {
      await backend.reset();
      const pieces: StepRecord[] = [];
      for (let start = 0; start < tokens.length; start += piece) {
        pieces.push(...(await replayed(backend, tokens.slice(start, start + piece), false)));
      }
      expect(pieces).toEqual(whole);
    }
  });

  it.each([1, 2, 16, 17, 18, 2 * FEW_ROWS])('of %i tokens leads to the same run', async (length) => {
    const sections = randomModel(9);
    const request = { prompt: randomTokens(4, length, 53), maxTokens: 5, sampler: greedy };
    expect(await generated(await subject(sections), request)).toEqual(await generated(reference(sections), request));
  });
});

describe.skipIf(!hasGpu)('a run on the GPU', () => {
  it('goes on from the state after the tokens that were fed, also when it is left in the middle', async () => {
    const sections = randomModel(10, { shape: { eosTokenId: 52 } });
    const backend = await subject(sections);
    for (const taken of [1, 2, 3, 4, 9, 20]) {
      const oracle = reference(sections);
      await backend.reset();
      const request = { prompt: [5, 6], maxTokens: 60, sampler: sampled };
      let count = 0;
      for await (const token of backend.generate(request)) {
        expect(token.index).toBe(count);
        if (++count === taken) break;
      }
      await generated(oracle, { ...request, maxTokens: taken });
      expect(await replayed(backend, [7, 8], true)).toEqual(await replayed(oracle, [7, 8], true));
    }
  });

  it('ends when it is told to, and the state is that of the tokens that it gave', async () => {
    const sections = randomModel(10, { shape: { eosTokenId: 52 } });
    const [backend, oracle] = [await subject(sections), reference(sections)];
    const stop = new AbortController();
    const tokens: GeneratedToken[] = [];
    const request = { prompt: [1], maxTokens: 1000, sampler: sampled };
    for await (const token of backend.generate({ ...request, signal: stop.signal })) {
      tokens.push(token);
      if (tokens.length === 6) stop.abort();
    }
    expect(tokens).toEqual(await generated(oracle, { ...request, maxTokens: 6 }));
    expect(await replayed(backend, [2], true)).toEqual(await replayed(oracle, [2], true));
  });

  it(
    'ends with whichever of several tokens comes first, after which the state does not move',
    { timeout: PATIENCE_MS },
    async () => {
      const shape = { vocabSize: 53, eosTokenId: 17, eosTokenIds: [3, 17, 41, 52] };
      const sections = randomModel(12, { shape });
      const [backend, oracle] = [await subject(sections), reference(sections)];
      const endings = new Set<number | undefined>();
      for (const seed of [1n, 2n]) {
        const request = {
          prompt: [1],
          maxTokens: 500,
          sampler: samplerSettings({ temperature: 10, topK: 64, topP: 1, seed }),
        };
        const tokens = await generated(backend, request);
        expect(tokens).toEqual(await generated(oracle, request));
        expect(await replayed(backend, [2], true)).toEqual(await replayed(oracle, [2], true));
        endings.add(tokens.at(-1)?.id);
      }
      expect([...endings].every((id) => shape.eosTokenIds.includes(id ?? -1))).toBe(true);
      expect([...endings].some((id) => id !== shape.eosTokenId)).toBe(true);
    },
  );

  it('ends with the end-of-text token, after which the state does not move', async () => {
    const sections = randomModel(12, { shape: { vocabSize: 53, eosTokenId: 3 } });
    const [backend, oracle] = [await subject(sections), reference(sections)];
    const hot = samplerSettings({ temperature: 10, topK: 64, topP: 1, seed: 3n });
    const request = { prompt: [1], maxTokens: 500, sampler: hot };
    const tokens = await generated(backend, request);
    expect(tokens.at(-1)?.id).toBe(3);
    expect(tokens).toEqual(await generated(oracle, request));
    expect(await replayed(backend, [2], true)).toEqual(await replayed(oracle, [2], true));
  });

  it('refuses what is no token, and an empty prompt', async () => {
    const backend = await subject(randomModel(8));
    for (const prompt of [[], [53], [-1], [0.5], [1, 53, 1]]) {
      await expect(generated(backend, { prompt, maxTokens: 1, sampler: greedy })).rejects.toThrow(RangeError);
    }
    await expect(replayed(backend, [53], false)).rejects.toThrow('token 53 is not an id of the vocabulary');
  });
});

describe.skipIf(!hasGpu)('a batch on the GPU', () => {
  it.each([2, FEW_ROWS])(
    'of %i computes each sequence as if it were alone',
    async (count) => {
      const sections = randomModel(13);
      const random = new Prng(count);
      const sampler = (): SamplerSettings =>
        samplerSettings({
          temperature: random.between(0, 2),
          topK: random.between(1, 64),
          topP: 0.9,
          seed: BigInt(random.between(0, 1000)),
        });
      const runs: SequenceRun[] = Array.from({ length: count }, (_, sequence) => ({
        prompt: randomTokens(sequence, random.between(1, 40), 53),
        maxTokens: random.between(1, 25),
        sampler: sampler(),
        firstIndex: sequence,
      }));
      const batch = await GpuSequences.create(await gpuModel(sections, {}, gpu), count);
      const outputs: GeneratedToken[][] = runs.map(() => []);
      for await (const tokens of batch.run(runs)) {
        for (const { sequence, ...token } of tokens) outputs[sequence]?.push(token);
      }
      for (const [sequence, run] of runs.entries()) {
        expect(outputs[sequence]).toEqual(await generated(reference(sections), run));
      }
      await batch.close();
    },
    PATIENCE_MS,
  );

  it('must be as large as the rows at most', async () => {
    const model = await gpuModel(randomModel(13), {}, gpu);
    await expect(GpuSequences.create(model, 0)).rejects.toThrow('a batch has 1 to');
    await expect(GpuSequences.create(model, 100_000)).rejects.toThrow('a batch has 1 to');
  });
});

describe.skipIf(!hasGpu)('memory on the GPU', () => {
  it('is given back by sequences that are closed', async () => {
    const model = await gpuModel(randomModel(13), {}, gpu);
    const before = gpu.allocatedBytes;
    for (let round = 0; round < 3; round++) {
      const sequences = await GpuSequences.create(model, 1);
      await sequences.feed(0, [1, 2, 3], 'taps');
      expect(gpu.allocatedBytes).toBeGreaterThan(before);
      await sequences.close();
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
