/** What training computes on: a card, or else a processor that plays one. */
import { openGpu } from '../../../model/backends/gpu/device/adapter.js';
import type { GpuDevice } from '../../../model/backends/gpu/device/gpu-device.js';
import { GpuError } from '../../../model/backends/gpu/device/gpu-error.js';
import { noGpu } from '../../../model/train/train-error.js';
import type { CommandContext } from '../../command.js';

/** That it is a processor is told. @throws TrainError `train-no-gpu` */
export async function openAnyGpu({ output }: CommandContext): Promise<GpuDevice> {
  try {
    return await openGpu({ software: false });
  } catch (error) {
    if (!(error instanceof GpuError && error.code === 'gpu-not-found')) throw error;
    const gpu = await openGpu().catch((none: unknown) => {
      throw none instanceof GpuError && none.code === 'gpu-not-found' ? noGpu(none) : none;
    });
    output.note(
      `warning: ${gpu.name} is a program that plays a GPU: training takes hundreds of times as long as on a card`,
    );
    return gpu;
  }
}
