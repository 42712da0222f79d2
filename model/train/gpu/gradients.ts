/** Loss and gradients of one batch on a GPU, as training computes them. */
import type { GpuDevice } from '../../backends/gpu/device/gpu-device.js';
import type { ModelConfig } from '../../config.js';
import type { Tensors } from '../parameters.js';
import type { Batch } from '../reference/gradients.js';
import { Trainer } from './trainer.js';

/** @throws GpuError */
export async function gpuGradients(
  gpu: GpuDevice,
  config: ModelConfig,
  parameters: Tensors,
  { ids, length }: Batch,
): Promise<{ readonly loss: number; readonly gradients: Tensors }> {
  const sequences = ids.length / length;
  const trainer = await Trainer.create(gpu, config, {
    batch: { sequences, length },
    targets: sequences * (length - 1),
    decayed: 'all',
  });
  trainer.load(parameters);
  trainer.begin();
  const targets = Int32Array.from(ids, (_, n) => (n % length === length - 1 ? -1 : ids[n + 1]));
  trainer.microBatch(Uint32Array.from(ids), targets);
  return { loss: await trainer.loss(), gradients: await trainer.gradients() };
}
