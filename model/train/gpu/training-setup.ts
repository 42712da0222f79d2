/** What the kernels of a run are made for. */
import type { GpuDevice } from '../../backends/gpu/device/gpu-device.js';
import type { ModelConfig } from '../../config.js';
import type { TileOf } from './matrix/plan-products.js';
import type { ParameterLayout } from './parameter-layout.js';
import type { BatchShape, TrainingBuffers } from './training-buffers.js';

export interface TrainingSetup {
  readonly gpu: GpuDevice;
  readonly config: ModelConfig;
  readonly layout: ParameterLayout;
  readonly batch: BatchShape;
  readonly buffers: TrainingBuffers;
  /** Rows whose logits are there at a time. */
  readonly pieceRows: number;
  /** Of one row in the mean of the loss. */
  readonly weight: number;
  readonly tileOf: TileOf;
  /** Whether any of the way back does, in half floats. */
  readonly halves: boolean;
}
