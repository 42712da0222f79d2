import { describe, expect, it } from 'vitest';
import { openGpu } from '../../../../model/backends/gpu/device/adapter.js';
import { DEFAULT_PLAN, type KernelPlan } from '../../../../model/backends/gpu/kernel-plan.js';
import { isWorthTuning, measurePlan, tunePlan, type PlanMeasurement } from '../../../../model/backends/gpu/tuning.js';
import { count } from '../../../helpers/counts.js';
import { gpuModel, hasGpu, SMALL_PLAN } from '../../../helpers/gpu.js';
import { randomModel } from '../../../oracle/random-model.js';

const EVERYTHING = { subgroup: 32, matrices: true };

/** An adapter on which the time of a token is a sum of what each choice costs; receipts differ where `isWrong`. */
function adapter(
  cost: (plan: KernelPlan) => { readonly decode: number; readonly prefill: number },
  isWrong: (plan: KernelPlan) => boolean = () => false,
): { readonly measure: (plan: KernelPlan) => Promise<PlanMeasurement>; readonly seen: KernelPlan[] } {
  const seen: KernelPlan[] = [];
  const measure = (plan: KernelPlan): Promise<PlanMeasurement> => {
    seen.push(plan);
    const { decode, prefill } = cost(plan);
    return Promise.resolve({
      receipts: isWrong(plan) ? [1, 3] : [1, 2],
      decodeSeconds: decode,
      prefillSeconds: prefill,
    });
  };
  return { measure, seen };
}

describe('tunePlan', () => {
  it('finds the fastest of each choice', async () => {
    const best = { subgroups: true, size: 128, workgroups: 512, matrices: false };
    const { measure } = adapter((plan) => ({
      decode: 1 + Number(!plan.subgroups) + Math.log2(plan.size / 128) + Math.abs(Math.log2(plan.workgroups / 512)),
      prefill: plan.matrices ? 2 : 1,
    }));
    const { plan, dropped } = await tunePlan(EVERYTHING, measure);
    expect(plan).toEqual({ ...DEFAULT_PLAN, ...best });
    expect(dropped).toEqual([]);
  });

  it('keeps the default where nothing is faster by more than noise', async () => {
    const { measure } = adapter(({ size }) => ({ decode: size === 128 ? 0.99 : 1, prefill: 1 }));
    expect((await tunePlan(EVERYTHING, measure)).plan).toEqual(DEFAULT_PLAN);
  });

  it('drops and reports what computes something else, however fast', async () => {
    const { measure } = adapter(
      ({ size }) => ({ decode: size, prefill: 1 }),
      ({ size }) => size === 128,
    );
    const { plan, dropped } = await tunePlan(EVERYTHING, measure);
    expect(plan.size).toBe(256);
    expect(dropped).toEqual([{ ...DEFAULT_PLAN, size: 128 }]);
  });

  it('takes the plainest plan when even the default computes something else', async () => {
    const { measure } = adapter(
      () => ({ decode: 1, prefill: 1 }),
      ({ subgroups, matrices }) => subgroups || matrices,
    );
    const { plan, dropped } = await tunePlan(EVERYTHING, measure);
    expect(plan).toEqual({ ...DEFAULT_PLAN, subgroups: false, matrices: false });
    expect(dropped.length).toBeGreaterThan(0);
  });

  it('does not measure what an adapter lacks', async () => {
    const { measure, seen } = adapter(() => ({ decode: 1, prefill: 1 }));
    const { measured } = await tunePlan({ subgroup: 0, matrices: false }, measure);
    expect(measured).toBe(seen.length);
    // Beside the plainest one, which everything is compared with.
    expect(seen.slice(1).every((plan) => plan.subgroups && plan.matrices)).toBe(true);
  });
});

it('is for models that are not bound by launches', () => {
  const shape = { vocabSize: 4096, hiddenSize: 256, intermediateSize: 768, layers: 8, bosTokenId: 0, eosTokenId: 1 };
  expect(isWorthTuning(shape)).toBe(false);
  expect(isWorthTuning({ ...shape, vocabSize: 32_000, hiddenSize: 1024, intermediateSize: 2816, layers: 24 })).toBe(
    true,
  );
});

describe.skipIf(!hasGpu)('measurePlan', () => {
  it('gives the same receipts for every plan, and times by the clock it is given', async () => {
    const gpu = await openGpu();
    const model = await gpuModel(randomModel(3, { shape: { layers: 1 } }), {}, gpu);
    let now = 0;
    const clock = (): number => (now += 1000);
    const first = await measurePlan(model, SMALL_PLAN, clock);
    expect(first.prefillSeconds).toBeCloseTo(1 / 256);
    expect(first.decodeSeconds).toBeGreaterThan(0);
    const allocated = gpu.allocatedBytes;
    // Without subgroups every kernel is another one, which a software adapter compiles for ten seconds more.
    const subgroups = count(1, 0) === 1;
    const second = await measurePlan(model, { ...DEFAULT_PLAN, subgroups, size: 128, workgroups: 128 }, clock);
    expect(second.receipts).toEqual(first.receipts);
    expect(gpu.allocatedBytes).toBe(allocated);
    gpu.destroy();
  });
});
