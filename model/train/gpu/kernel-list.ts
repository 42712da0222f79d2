/**
 * A list of kernels with everything bound, in the order in which they run. Compiled together: a driver compiles in its
 * threads.
 */
import { encodeDispatches, type Dispatch } from '../../backends/gpu/device/dispatch.js';
import type { BufferPart, GpuDevice } from '../../backends/gpu/device/gpu-device.js';

export class KernelList {
  readonly #gpu: GpuDevice;
  readonly #pending: Promise<Dispatch>[] = [];
  #dispatches: readonly Dispatch[] = [];

  constructor(gpu: GpuDevice) {
    this.#gpu = gpu;
  }

  /** @param parts what is bound to 0, 1, … */
  add(
    label: string,
    code: string,
    parts: readonly (BufferPart | GPUBuffer)[],
    [x, y = 1, z = 1]: readonly [number, number?, number?],
  ): void {
    const make = async (): Promise<Dispatch> => {
      const kernel = await this.#gpu.kernel(label, code);
      const counts = [x, y, z] as const;
      return { label, kernel, bindings: this.#gpu.bind(kernel, parts), workgroups: () => counts };
    };
    this.#pending.push(make());
  }

  /** Waits until all that was added can run. @throws GpuError */
  async ready(): Promise<void> {
    this.#dispatches = await Promise.all(this.#pending);
  }

  get dispatches(): readonly Dispatch[] {
    return this.#dispatches;
  }

  encode(commands: GPUCommandEncoder): void {
    const pass = commands.beginComputePass();
    encodeDispatches(pass, this.#dispatches, 0);
    pass.end();
  }
}
