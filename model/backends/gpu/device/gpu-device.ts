/**
 * A GPU as this backend uses it: buffers that are counted, kernels that are compiled, and errors that become
 * `GpuError`.
 *
 * Only WebGPU itself (https://www.w3.org/TR/webgpu/), nothing of Node: the same code runs in a browser.
 */
import { COMPUTE_STAGE, MAP_READ, USAGE } from './gpu-usage.js';
import { matricesWork } from './probes.js';
import { gpuFailed, gpuLost, gpuOutOfMemory, gpuTooSmall, type GpuError } from './gpu-error.js';

/** A part of a buffer, to be bound. */
export interface BufferPart {
  readonly buffer: GPUBuffer;
  readonly offset?: number;
  readonly size?: number;
}

/** What kernels may use beside the core of WebGPU. */
export interface GpuFeatures {
  /** Lanes of a subgroup if it is the same for all kernels and lanes are numbered like invocations; else 0. */
  readonly subgroup: number;
  readonly timestamps: boolean;
  /** Products of small matrices on matrix units (a Chromium experiment): whether they are offered. */
  readonly matrices: boolean;
  /** The same for half floats, whose products are summed in float32. */
  readonly halves: boolean;
}

/** Waits for work of the GPU, and throws what went wrong meanwhile. */
export class GpuDevice {
  readonly device: GPUDevice;
  readonly features: GpuFeatures;
  /** For people: `NVIDIA H200`, … */
  readonly name: string;
  #allocatedBytes = 0;
  #problem: GpuError | undefined;
  readonly #buffers = new Set<GPUBuffer>();
  readonly #kernels = new Map<string, Promise<GPUComputePipeline>>();
  #parsing: Promise<unknown> = Promise.resolve();
  readonly #release: () => void;
  #matrices: Promise<boolean> | undefined;

  /** @param release gives up what the device hangs on, after it is destroyed */
  constructor(device: GPUDevice, name: string, features: GpuFeatures, release: () => void = () => {}) {
    this.device = device;
    this.name = name;
    this.features = features;
    this.#release = release;
    device.onuncapturederror = ({ error }) => {
      this.#problem ??= /memory/i.test(error.message)
        ? gpuOutOfMemory(0, this.#allocatedBytes, error)
        : gpuFailed(error.message);
    };
    void this.#watch();
  }

  async #watch(): Promise<void> {
    const { reason, message } = await this.device.lost;
    if (reason !== 'destroyed') this.#problem ??= gpuLost(message);
  }

  get limits(): GPUSupportedLimits {
    return this.device.limits;
  }

  /** Bytes of all buffers. */
  get allocatedBytes(): number {
    return this.#allocatedBytes;
  }

  /** @throws GpuError `gpu-too-small` if no buffer can be so large */
  buffer(label: string, size: number, usage: number): GPUBuffer {
    const bytes = Math.max(4, Math.ceil(size / 4) * 4);
    this.#require('maxBufferSize', bytes);
    const buffer = this.device.createBuffer({ label, size: bytes, usage });
    this.#buffers.add(buffer);
    this.#allocatedBytes += bytes;
    return buffer;
  }

  /** A storage buffer that can be copied to and from. */
  storage(label: string, bytes: number): GPUBuffer {
    this.#require('maxStorageBufferBindingSize', bytes);
    return this.buffer(label, bytes, USAGE.storage | USAGE.copySource | USAGE.copyTarget);
  }

  /** A storage or uniform buffer that holds `data`. */
  filled(label: string, data: ArrayBufferView<ArrayBuffer>, usage: number = USAGE.storage): GPUBuffer {
    const buffer = this.buffer(label, data.byteLength, usage | USAGE.copyTarget);
    this.device.queue.writeBuffer(buffer, 0, data);
    return buffer;
  }

  #require(limit: 'maxBufferSize' | 'maxStorageBufferBindingSize', needed: number): void {
    const offered = this.limits[limit];
    if (needed > offered) throw gpuTooSmall(this.name, limit, needed, offered);
  }

  free(buffer: GPUBuffer): void {
    if (!this.#buffers.delete(buffer)) return;
    this.#allocatedBytes -= buffer.size;
    buffer.destroy();
  }

  /**
   * Compiles a kernel, or gives the one that was compiled from the same text.
   *
   * @param layout if the kernel shares its bindings with others; always the same for the same text
   * @throws GpuError
   */
  kernel(label: string, code: string, layout?: GPUPipelineLayout): Promise<GPUComputePipeline> {
    let kernel = this.#kernels.get(code);
    if (kernel === undefined) {
      kernel = this.#compile(label, code, layout ?? 'auto');
      this.#kernels.set(code, kernel);
    }
    return kernel;
  }

  /**
   * Waits until all kernels that were asked for are parsed: from then on the driver compiles in its threads, and this
   * one is free.
   */
  async kernelsParsed(): Promise<void> {
    await this.#parsing;
  }

  async #compile(label: string, code: string, layout: GPUPipelineLayout | 'auto'): Promise<GPUComputePipeline> {
    // One after the other: while the driver compiles one in its threads, this one parses the next.
    const parsing = this.#parsing.then(() => this.#parse(label, code));
    this.#parsing = parsing.catch(() => {});
    const compute = { module: await parsing, entryPoint: 'main' };
    return await this.device.createComputePipelineAsync({ label, layout, compute });
  }

  async #parse(label: string, code: string): Promise<GPUShaderModule> {
    // Known before a pipeline is made of it: `createComputePipelineAsync` of webgpu 0.6.2 does not reject then, but
    // ends the process. In a scope, or the device would be taken for broken.
    this.device.pushErrorScope('validation');
    const module = this.device.createShaderModule({ label, code });
    const problem = await this.device.popErrorScope();
    this.throwProblem();
    if (problem !== null) throw gpuFailed(`kernel ${label}: ${problem.message}`);
    return module;
  }

  /** Binds `parts` to 0, 1, … of a kernel. */
  bind(kernel: GPUComputePipeline, parts: readonly (BufferPart | GPUBuffer)[]): GPUBindGroup {
    return this.bindTo(kernel.getBindGroupLayout(0), parts);
  }

  /** Binds `parts` to 0, 1, … of a layout that kernels share. */
  bindTo(layout: GPUBindGroupLayout, parts: readonly (BufferPart | GPUBuffer)[]): GPUBindGroup {
    const entries = parts.map((part, binding) => ({ binding, resource: 'buffer' in part ? part : { buffer: part } }));
    return this.device.createBindGroup({ layout, entries });
  }

  /** A layout of buffers at 0, 1, … for compute shaders. */
  groupLayout(types: readonly GPUBufferBindingType[]): GPUBindGroupLayout {
    const entries = types.map((type, binding) => ({ binding, visibility: COMPUTE_STAGE, buffer: { type } }));
    return this.device.createBindGroupLayout({ entries });
  }

  submit(commands: GPUCommandEncoder): void {
    this.device.queue.submit([commands.finish()]);
  }

  /**
   * Whether matrix units are offered and compute what they should; tried when it is asked first, which takes tens of
   * milliseconds.
   */
  async matricesWork(): Promise<boolean> {
    this.#matrices ??= this.features.matrices ? matricesWork(this.device) : Promise.resolve(false);
    return await this.#matrices;
  }

  /** Waits until everything submitted is done. @throws GpuError */
  async idle(): Promise<void> {
    await this.device.queue.onSubmittedWorkDone();
    this.throwProblem();
  }

  /** Copies `bytes` from the start of a mappable buffer, when the work before is done. @throws GpuError */
  async read(buffer: GPUBuffer, bytes: number): Promise<ArrayBuffer> {
    try {
      await buffer.mapAsync(MAP_READ, 0, bytes);
    } catch (error) {
      // The reason of a lost device comes a little later than the failure that it causes.
      const later = new Promise<undefined>((resolve) => setTimeout(resolve, 100, undefined));
      const lost = await Promise.race([this.device.lost, later]);
      this.throwProblem();
      throw gpuLost(lost?.message ?? String(error));
    }
    this.throwProblem();
    const copy = buffer.getMappedRange(0, bytes).slice(0);
    buffer.unmap();
    return copy;
  }

  /** Copies `bytes` of a buffer, when the work before is done. @throws GpuError */
  async copied(buffer: GPUBuffer, bytes: number, offset = 0): Promise<ArrayBuffer> {
    const readback = this.buffer('read', bytes, USAGE.mapRead | USAGE.copyTarget);
    const commands = this.device.createCommandEncoder();
    commands.copyBufferToBuffer(buffer, offset, readback, 0, bytes);
    this.submit(commands);
    try {
      return await this.read(readback, bytes);
    } finally {
      this.free(readback);
    }
  }

  /** Throws the first thing that went wrong, if anything did. @throws GpuError */
  throwProblem(): void {
    if (this.#problem !== undefined) throw this.#problem;
  }

  /** Runs `allocate` and waits for its verdict: memory that the driver refuses shows only then. @throws GpuError */
  async allocating<T>(allocate: () => T): Promise<T> {
    this.device.pushErrorScope('out-of-memory');
    const before = this.#allocatedBytes;
    let result: T;
    try {
      result = allocate();
    } finally {
      const error = await this.device.popErrorScope();
      if (error) this.#problem ??= gpuOutOfMemory(this.#allocatedBytes - before, before, error);
    }
    this.throwProblem();
    return result;
  }

  /** Frees everything. */
  destroy(): void {
    for (const buffer of this.#buffers) buffer.destroy();
    this.#buffers.clear();
    this.#allocatedBytes = 0;
    this.device.destroy();
    this.#release();
  }
}
