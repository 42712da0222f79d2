/** A model on a GPU: its weights, and what all sequences that run on it share. */
import type { ModelShape } from '../../../protocol/image/model-shape.js';
import { crcFactors, crcOfZeroWords } from './weights/crc-factors.js';
import type { GpuDevice } from './device/gpu-device.js';
import { loadGpuWeights, type GpuWeights, type ReadSection } from './weights/gpu-weights.js';
import type { KernelPlan } from './kernel-plan.js';

export interface GpuModel {
  readonly gpu: GpuDevice;
  readonly shape: ModelShape;
  readonly weights: GpuWeights;
  readonly plan: KernelPlan;
  /** The CRC-32 of as many zero bytes as the logits have, and of those of a residual. */
  readonly receiptOfZeros: number;
  readonly tapOfZeros: number;
}

/** @throws GpuError; ImageError `image-bad-weights` */
export async function loadGpuModel(
  gpu: GpuDevice,
  shape: ModelShape,
  read: ReadSection,
  plan: KernelPlan,
): Promise<GpuModel> {
  const { vocabSize, hiddenSize } = shape;
  const factors = crcFactors(Math.max(vocabSize, hiddenSize));
  return {
    gpu,
    shape,
    weights: await loadGpuWeights(gpu, shape, read, factors),
    plan,
    receiptOfZeros: crcOfZeroWords(vocabSize),
    tapOfZeros: crcOfZeroWords(hiddenSize),
  };
}
