import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend, GenerateRequest, StepRecord } from '../../../../model/backends/backend.js';
import { openGpu } from '../../../../model/backends/gpu/adapter.js';
import { GpuBackend } from '../../../../model/backends/gpu/gpu-backend.js';
import type { GpuDevice } from '../../../../model/backends/gpu/gpu-device.js';
import type { KernelPlan } from '../../../../model/backends/gpu/kernel-plan.js';
import { ReferenceBackend } from '../../../../model/backends/reference-backend.js';
import { readModelWeights, residentBytes } from '../../../../model/integer/model-weights.js';
import { samplerSettings } from '../../../../model/integer/sampler.js';
import type { ModelSections } from '../../../../protocol/image/model-shape.js';
import { gpuModel, hasGpu } from '../../../helpers/gpu.js';
import { EXTREME_MODELS, randomModel } from '../../../oracle/random-model.js';
import { Prng } from '../../../oracle/prng.js';

const reference = (sections: ModelSections): Backend => new ReferenceBackend(readModelWeights(residentBytes(sections)));

async function replayed(backend: Backend, tokens: readonly number[], taps: boolean): Promise<StepRecord[]> {
  const records: StepRecord[] = [];
  await backend.replay(tokens, { taps }, (record) => records.push(record));
  return records;
}

async function generated(backend: Backend, request: GenerateRequest): Promise<unknown[]> {
  const tokens: unknown[] = [];
  for await (const token of backend.generate(request)) tokens.push(token);
  return tokens;
}

function randomTokens(seed: number, count: number, vocabSize: number): number[] {
  const random = new Prng(seed);
  return Array.from({ length: count }, () => random.between(0, vocabSize - 1));
}

describe.skipIf(!hasGpu)('the GPU', () => {
  let gpu: GpuDevice;
  beforeAll(async () => {
    gpu = await openGpu();
  });
  afterAll(() => gpu.destroy());

  const greedy = samplerSettings({ temperature: 0, topK: 1, topP: 1, seed: 1n });

  async function expectSame(sections: ModelSections, plan: Partial<KernelPlan>, count: number): Promise<void> {
    const { vocabSize } = sections.shape;
    const subject = await GpuBackend.create(await gpuModel(sections, plan, gpu));
    const oracle = reference(sections);
    const tokens = randomTokens(7, count, vocabSize);
    expect(await replayed(subject, tokens, true)).toEqual(await replayed(oracle, tokens, true));
    const request = { prompt: tokens.slice(0, 3), maxTokens: 5, sampler: greedy };
    expect(await generated(subject, request)).toEqual(await generated(oracle, request));
  }

  it.each(Object.entries(EXTREME_MODELS))('computes as the reference: %s', async (_, recipe) => {
    await expectSame(randomModel(11, recipe), {}, 20);
  });
});
