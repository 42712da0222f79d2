/** What the kernels of a run are made for. */
import type { BufferGroup } from '../../backends/gpu/device/buffer-group.js';
import type { GpuDevice } from '../../backends/gpu/device/gpu-device.js';
import type { ModelConfig } from '../../config.js';
import type { TileOf } from './matrix/products.js';
import type { ParameterLayout } from './parameter-layout.js';
import type { BatchShape, BufferNeeds, TrainingBuffers } from './training-buffers.js';

export interface TrainingSetup extends BufferNeeds {
  readonly gpu: GpuDevice;
  /** All buffers of the run. */
  readonly own: BufferGroup;
  readonly config: ModelConfig;
  readonly layout: ParameterLayout;
  readonly batch: BatchShape;
  readonly buffers: TrainingBuffers;
  /** Of one row in the mean of the loss. */
  readonly weight: number;
  readonly tileOf: TileOf;
}
