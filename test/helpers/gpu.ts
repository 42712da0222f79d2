/** A GPU for tests: `npm test` brings a software adapter (SwiftShader); any other does as well. */
import { openGpu } from '../../model/backends/gpu/device/adapter.js';
import type { GpuDevice } from '../../model/backends/gpu/device/gpu-device.js';
import { GpuError } from '../../model/backends/gpu/device/gpu-error.js';
import { loadGpuModel, type GpuModel } from '../../model/backends/gpu/gpu-model.js';
import type { ReadSection } from '../../model/backends/gpu/weights/gpu-weights.js';
import { DEFAULT_PLAN, type KernelPlan } from '../../model/backends/gpu/kernel-plan.js';
import type { ModelSections } from '../../protocol/image/model-shape.js';

/** Whether there is an adapter. Tests that need one are skipped without, and say so. */
export const hasGpu = await openGpu().then(
  (gpu) => {
    gpu.destroy();
    return true;
  },
  (error: unknown) => {
    if (error instanceof GpuError && process.env['MMFREE_REQUIRE_GPU'] === undefined) return false;
    throw error;
  },
);

/** Sections in memory, as a reader. */
function readerOf(sections: ModelSections): ReadSection {
  return (section, offset, into) => {
    if (section === 'tokenizer') throw new RangeError('no kernel needs a tokenizer');
    into.set(sections[section].subarray(offset, offset + into.length));
  };
}

/** Of small models: of a software adapter's time, invocations that are idle take most. */
export const SMALL_PLAN: KernelPlan = { ...DEFAULT_PLAN, size: 64 };

/** A model on a device of its own, or on `gpu`. */
export async function gpuModel(
  sections: ModelSections,
  plan: Partial<KernelPlan> = {},
  gpu?: GpuDevice,
): Promise<GpuModel> {
  return await loadGpuModel(gpu ?? (await openGpu()), sections.shape, readerOf(sections), {
    ...SMALL_PLAN,
    ...plan,
  });
}
