/** Which kernels a model runs with: those that were measured to be the fastest, now or in an earlier run. */
import type { GpuDevice } from '../../model/backends/gpu/device/gpu-device.js';
import { GpuError } from '../../model/backends/gpu/device/gpu-error.js';
import type { GpuModel } from '../../model/backends/gpu/gpu-model.js';
import { DEFAULT_PLAN, type KernelPlan } from '../../model/backends/gpu/kernel-plan.js';
import { adapterIdentity, PlanCache } from '../../model/backends/gpu/plan-cache.js';
import {
  isWorthTuning,
  measurePlan,
  tunePlan,
  type PlanMeasurement,
  type TuningResult,
} from '../../model/backends/gpu/tuning.js';
import type { ModelShape } from '../../protocol/image/model-shape.js';
import { VERSION } from '../../protocol/version.js';
import type { EngineOptions } from '../options.js';

/**
 * Measures if nobody has, which takes seconds and is said.
 *
 * @param measure runs one plan
 * @throws GpuError; AbortError
 */
export async function tunedPlan(
  model: GpuModel,
  { signal, onNote }: EngineOptions,
  measure: (model: GpuModel, plan: KernelPlan) => Promise<PlanMeasurement> = measurePlan,
): Promise<KernelPlan> {
  const { gpu, shape } = model;
  const known = knownPlan(gpu, shape);
  if (known !== undefined) return known;
  const cache = planCache(gpu, shape);
  onNote(`measuring which kernels are the fastest for this model on ${gpu.name}, once …`);
  // Should a plan bring the driver down, the next run takes the default and does not try again.
  const canKeep = await keep(cache, DEFAULT_PLAN, onNote);
  let result: TuningResult;
  try {
    result = await tunePlan(gpu.features, async (plan) => {
      signal.throwIfAborted();
      return await measure(model, plan);
    });
  } catch (error) {
    if (!(error instanceof GpuError)) await cache.forget();
    throw error;
  }
  const { plan, measurement, measured, dropped } = result;
  if (canKeep) await keep(cache, plan, onNote);
  for (const wrong of dropped) {
    onNote(`these kernels compute something else on ${gpu.name} and are not used: ${describePlan(wrong, gpu)}`);
  }
  onNote(
    `${describePlan(plan, gpu)}: ${(1 / measurement.decodeSeconds).toFixed(0)} tokens/s, the fastest of ${measured}` +
      (canKeep ? `; kept in ${cache.path}` : ''),
  );
  return plan;
}

/** The plan if there is nothing to measure, or somebody has; else undefined. */
export function knownPlan(gpu: GpuDevice, shape: ModelShape): KernelPlan | undefined {
  // An adapter that is a program would measure for hours.
  if (!isWorthTuning(shape) || gpu.device.adapterInfo.isFallbackAdapter) return DEFAULT_PLAN;
  return planCache(gpu, shape).read();
}

function planCache({ device }: GpuDevice, shape: ModelShape): PlanCache {
  return new PlanCache({ adapter: adapterIdentity(device), shape, version: VERSION });
}

async function keep(cache: PlanCache, plan: KernelPlan, onNote: EngineOptions['onNote']): Promise<boolean> {
  try {
    await cache.write(plan);
    return true;
  } catch (error) {
    onNote(`cannot keep what is measured: ${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
}

/** `256 workgroups of 256, subgroups, no matrix units`. */
export function describePlan(
  { size, workgroups, subgroups, matrices }: KernelPlan,
  { features }: Pick<GpuDevice, 'features'>,
): string {
  return [
    `${workgroups} workgroups of ${size}`,
    `${subgroups && features.subgroup > 0 ? '' : 'no '}subgroups`,
    `${matrices && features.matrices ? '' : 'no '}matrix units`,
  ].join(', ');
}
