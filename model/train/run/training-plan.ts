/**
 * What training a model takes on a card: memory, from the sizes of all buffers; hours, from a measurement of models of
 * the same width with one layer and with two, whose difference is what each further layer takes.
 */
import type { GpuDevice } from '../../backends/gpu/device/gpu-device.js';
import type { ModelConfig } from '../../config.js';
import { measuredPlan } from '../gpu/matrix/plan-products.js';
import type { TileOf } from '../gpu/matrix/products.js';
import { bindable } from '../gpu/measure-device.js';
import { parameterLayout, weightsOf } from '../gpu/parameter-layout.js';
import { keptPlanOf } from '../gpu/planned-trainer.js';
import { bufferNeeds } from '../gpu/product-shapes.js';
import { STANDSTILL, Trainer } from '../gpu/trainer.js';
import { trainingBuffers, type BatchShape, type BufferMaker } from '../gpu/training-buffers.js';
import { initialParameters } from '../initial-parameters.js';
import { tooLarge } from '../train-error.js';
import { secondsOfMicroBatch } from './train-steps.js';

export interface TrainingPlan {
  readonly weights: number;
  /** Bytes on the GPU. */
  readonly gpuBytes: number;
  /** The largest of the buffers, which the adapter must be able to bind. */
  readonly largest: { readonly name: string; readonly bytes: number };
  /** Whether the adapter takes buffers so large. How much memory there is, WebGPU does not tell. */
  readonly fits: boolean;
  readonly tokensPerSecond: number;
}

/** How a step goes. */
export interface PlannedRun {
  readonly context: number;
  readonly batch: number;
  readonly microBatch: number;
}

/** Measures for some seconds. @throws GpuError if not even two layers fit */
export async function planTraining(
  gpu: GpuDevice,
  config: ModelConfig,
  { context, batch, microBatch }: PlannedRun,
): Promise<TrainingPlan> {
  const shape = { sequences: microBatch, length: context };
  const kept = await keptPlanOf(gpu, config, shape);
  const { tileOf } = kept?.read() ?? (await measuredPlan(gpu, config, shape));
  const measure = async (layers: number): Promise<StepSeconds> =>
    await stepSeconds(gpu, { ...config, layers }, { shape, batch, tileOf });
  const two = await measure(2);
  // Noise must not make a layer cost less than nothing. Of two layers everything is known.
  const layer = config.layers === 2 ? 0 : Math.max(0, two.microBatch - (await measure(1)).microBatch);
  const { weights, total, largest } = trainingBytes(config, shape, tileOf);
  const update = two.update * (weights / two.weights);
  const seconds = (batch / microBatch) * (two.microBatch + (config.layers - 2) * layer) + update;
  const tokensPerSecond = (batch * context) / seconds;
  return {
    weights,
    gpuBytes: total,
    largest,
    fits: largest.bytes <= bindable(gpu),
    tokensPerSecond,
  };
}

/** Before anything is made for it. @throws TrainError `train-too-large` */
export function checkFits(gpu: GpuDevice, config: ModelConfig, shape: BatchShape): void {
  const { name, bytes } = trainingBytes(config, shape, () => undefined).largest;
  if (bytes > bindable(gpu)) throw tooLarge(gpu.name, name, bytes, bindable(gpu));
}

interface StepSeconds {
  readonly microBatch: number;
  readonly update: number;
  readonly weights: number;
}

async function stepSeconds(
  gpu: GpuDevice,
  config: ModelConfig,
  { shape, batch, tileOf }: { readonly shape: BatchShape; readonly batch: number; readonly tileOf: TileOf },
): Promise<StepSeconds> {
  const { sequences: count, length } = shape;
  const trainer = await Trainer.create(gpu, config, {
    batch: shape,
    targets: batch * length,
    decayed: 'matrices',
    tileOf,
  });
  try {
    trainer.load(initialParameters(config, 1n));
    const tokens = Uint32Array.from(
      { length: 16 * length + 1 },
      (_, k) => (Math.imul(k, 2_654_435_761) >>> 0) % config.vocabSize,
    );
    const microBatch = await secondsOfMicroBatch(trainer, tokens, { count, length });
    const startMs = performance.now();
    await trainer.update(STANDSTILL);
    return { microBatch, update: (performance.now() - startMs) / 1000, weights: weightsOf(trainer.layout) };
  } finally {
    trainer.free();
  }
}

/** What a trainer would allocate. */
function trainingBytes(
  config: ModelConfig,
  shape: BatchShape,
  tileOf: TileOf,
): {
  readonly weights: number;
  readonly total: number;
  readonly largest: { readonly name: string; readonly bytes: number };
} {
  const sizes: { readonly name: string; readonly bytes: number }[] = [];
  const count = (name: string, bytes: number): GPUBuffer => {
    sizes.push({ name, bytes });
    return { size: bytes } as GPUBuffer;
  };
  const maker: BufferMaker = { buffer: count, storage: count };
  const layout = parameterLayout(config);
  trainingBuffers(maker, config, layout, shape, bufferNeeds(config, shape, tileOf));
  const largest = sizes.reduce((most, size) => (size.bytes > most.bytes ? size : most));
  return { weights: weightsOf(layout), total: sizes.reduce((sum, { bytes }) => sum + bytes, 0), largest };
}
