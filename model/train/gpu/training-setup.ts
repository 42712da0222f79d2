/** What the kernels of a run are made for. */
import type { BufferGroup } from '../../backends/gpu/device/buffer-group.js';
import type { GpuDevice } from '../../backends/gpu/device/gpu-device.js';
import type { ModelConfig } from '../../config.js';
import type { BitLinearKernels } from './bitlinear-kernels.js';
import type { KernelList } from './kernel-list.js';
import type { TileOf } from './matrix/products.js';
import type { ParameterLayout } from './parameter-layout.js';
import type { BatchShape, BufferNeeds, TrainingBuffers } from './training-buffers.js';

/** What the kernels of BitLinears and norms are made for. */
export interface BitLinearSetup {
  readonly gpu: GpuDevice;
  readonly config: Pick<ModelConfig, 'rmsNormEps'>;
  readonly layout: ParameterLayout;
  readonly batch: BatchShape;
  readonly buffers: Pick<
    TrainingBuffers,
    | 'parameters'
    | 'gradient'
    | 'trits'
    | 'tritHalves'
    | 'means'
    | 'quantised'
    | 'normedHalves'
    | 'stats'
    | 'halves'
    | 'tops'
    | 'dNormed'
    | 'partials'
  >;
  readonly tileOf: TileOf;
}

export interface TrainingSetup extends BitLinearSetup, BufferNeeds {
  /** All buffers of the run. */
  readonly own: BufferGroup;
  readonly config: ModelConfig;
  readonly buffers: TrainingBuffers;
  /** Of one row in the mean of the loss. */
  readonly weight: number;
  readonly bitLinears: MakeBitLinears;
}

/** Fused kernels, or a twin of them that they are compared with. */
export type MakeBitLinears = (setup: BitLinearSetup, list: KernelList) => BitLinearKernels;
