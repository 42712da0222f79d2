/** Buffers of a device that are freed together. */
import type { GpuDevice } from './gpu-device.js';

export class BufferGroup {
  readonly #gpu: GpuDevice;
  readonly #all: GPUBuffer[] = [];

  constructor(gpu: GpuDevice) {
    this.#gpu = gpu;
  }

  buffer(...how: Parameters<GpuDevice['buffer']>): GPUBuffer {
    return this.#kept(this.#gpu.buffer(...how));
  }

  storage(...how: Parameters<GpuDevice['storage']>): GPUBuffer {
    return this.#kept(this.#gpu.storage(...how));
  }

  filled(...how: Parameters<GpuDevice['filled']>): GPUBuffer {
    return this.#kept(this.#gpu.filled(...how));
  }

  free(): void {
    for (const buffer of this.#all) this.#gpu.free(buffer);
  }

  #kept(buffer: GPUBuffer): GPUBuffer {
    this.#all.push(buffer);
    return buffer;
  }
}
