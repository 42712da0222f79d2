/**
 * Buffers that are there from one kernel to another, as tensors are in PyTorch: what is given back is taken again, so
 * all of them together are as large as those that are there at once.
 */
import { BufferGroup } from '../../../backends/gpu/device/buffer-group.js';
import type { GpuDevice } from '../../../backends/gpu/device/gpu-device.js';

/** A row's statistics do not take the place of a tensor. */
const WASTE = 4;

export class Scratch {
  readonly #own: BufferGroup;
  readonly #idle: GPUBuffer[] = [];

  constructor(gpu: GpuDevice) {
    this.#own = new BufferGroup(gpu);
  }

  /** The smallest idle one that is large enough and not far too large, or a new one. */
  take(bytes: number): GPUBuffer {
    const fitting = this.#idle
      .filter(({ size }) => size >= bytes && size <= WASTE * bytes)
      .toSorted((a, b) => a.size - b.size);
    if (fitting.length === 0) return this.#own.storage('scratch', bytes);
    this.#idle.splice(this.#idle.indexOf(fitting[0]), 1);
    return fitting[0];
  }

  /** For kernels that are added from now on. */
  giveBack(...buffers: readonly GPUBuffer[]): void {
    this.#idle.push(...buffers);
  }

  /** One that stays as it is. */
  filled(data: Float32Array<ArrayBuffer>): GPUBuffer {
    return this.#own.filled('constant', data);
  }

  free(): void {
    this.#own.free();
  }
}
