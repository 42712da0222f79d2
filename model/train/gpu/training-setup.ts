/** What the kernels of a run are made for. */
import type { BufferGroup } from '../../backends/gpu/device/buffer-group.js';
import type { ModelConfig } from '../../config.js';
import type { BitLinearKernels, BitLinearSetup } from './bitlinear-kernels.js';
import type { KernelList } from './kernel-list.js';
import type { BufferNeeds, TrainingBuffers } from './training-buffers.js';

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
