/**
 * One GPU for all commands of a file that run in memory: a device compiles a kernel once, which takes a software adapter
 * a good part of a second, and a command compiles a dozen.
 */
import { afterAll } from 'vitest';
import type * as Adapter from '../../model/backends/gpu/device/adapter.js';
import { GpuDevice } from '../../model/backends/gpu/device/gpu-device.js';

type GpuBuffer = ReturnType<GpuDevice['buffer']>;

/** A device that is lent: whoever destroys it gives back its buffers, and nothing else. */
class LentGpu extends GpuDevice {
  readonly #own: GpuDevice;
  readonly #buffers = new Set<GpuBuffer>();

  constructor(own: GpuDevice) {
    super(own.device, own.name, own.features);
    this.#own = own;
  }

  override kernel(...kernel: Parameters<GpuDevice['kernel']>): ReturnType<GpuDevice['kernel']> {
    return this.#own.kernel(...kernel);
  }

  override async kernelsParsed(): Promise<void> {
    await this.#own.kernelsParsed();
  }

  override buffer(...buffer: Parameters<GpuDevice['buffer']>): GpuBuffer {
    const made = super.buffer(...buffer);
    this.#buffers.add(made);
    return made;
  }

  override destroy(): void {
    for (const buffer of this.#buffers) this.free(buffer);
  }
}

/** The way to a GPU as it is, but for one device behind all that is opened. */
export function sharing(adapter: typeof Adapter): typeof Adapter {
  let own: Promise<GpuDevice> | undefined;
  // Where there is none, tests that need one are skipped.
  afterAll(async () => (await own?.catch(() => undefined))?.destroy());
  const openGpu: typeof adapter.openGpu = async (options) => {
    // What is lent may be software, which not everybody takes.
    if (options?.software === false) return await adapter.openGpu(options);
    own ??= adapter.openGpu();
    return new LentGpu(await own);
  };
  return { ...adapter, openGpu };
}
