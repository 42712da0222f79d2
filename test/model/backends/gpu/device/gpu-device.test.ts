import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openGpu } from '../../../../../model/backends/gpu/device/adapter.js';
import type { GpuDevice } from '../../../../../model/backends/gpu/device/gpu-device.js';
import { USAGE } from '../../../../../model/backends/gpu/device/gpu-usage.js';
import { GpuMachine } from '../../../../../model/backends/gpu/gpu-machine.js';
import { gpuModel, hasGpu } from '../../../../helpers/gpu.js';
import { randomModel } from '../../../../oracle/random-model.js';
import { TEST_IMAGE } from '../../../../helpers/machines.js';

describe.skipIf(!hasGpu)('GpuDevice', () => {
  let gpu: GpuDevice;
  beforeEach(async () => {
    gpu = await openGpu();
  });
  afterEach(() => gpu.destroy());

  it('counts what it allocates and frees, in whole words', () => {
    const buffer = gpu.storage('five', 5);
    expect(gpu.allocatedBytes).toBe(8);
    gpu.free(buffer);
    gpu.free(buffer);
    expect(gpu.allocatedBytes).toBe(0);
  });

  it('refuses a buffer beyond the limits of the adapter, with both figures', () => {
    const { maxStorageBufferBindingSize: offered } = gpu.limits;
    const facts = { limit: 'maxStorageBufferBindingSize', needed: offered + 4, offered };
    expect(() => gpu.storage('x', offered + 4)).toThrow(
      expect.objectContaining({ code: 'gpu-too-small', facts: expect.objectContaining(facts) }),
    );
  });

  it('says when the memory is used up, and how much was asked for', async () => {
    const bytes = Math.min(2 ** 30, gpu.limits.maxStorageBufferBindingSize);
    // More than any computer that runs tests has.
    const count = Math.ceil(2 ** 42 / bytes);
    const greed = gpu.allocating(() => Array.from({ length: count }, () => gpu.storage('greed', bytes)));
    await expect(greed).rejects.toMatchObject({ code: 'gpu-out-of-memory', facts: { bytes: count * bytes } });
  });

  // It used to end the process.
  it('names the line of a kernel that does not compile, and goes on', async () => {
    const code = '@compute @workgroup_size(1)\nfn main() { nonsense(); }';
    const failure = { code: 'gpu-failed', reason: expect.stringMatching(/kernel x.*:2:13 .*nonsense/) };
    await expect(gpu.kernel('x', code)).rejects.toMatchObject(failure);
    await gpu.kernel('y', '@compute @workgroup_size(1) fn main() {}');
    await gpu.idle();
  });

  it('says that the GPU is gone to whoever waits for it, and to whoever comes later', async () => {
    const buffer = gpu.buffer('x', 16, USAGE.mapRead | USAGE.copyTarget);
    const waiting = gpu.read(buffer, 16);
    gpu.device.destroy();
    await expect(waiting).rejects.toMatchObject({ code: 'gpu-lost' });
    await expect(gpu.read(buffer, 16)).rejects.toMatchObject({ code: 'gpu-lost' });
  });

  it('ends a run that loses its GPU with that error, and can be closed', async () => {
    const machine = await GpuMachine.create(await gpuModel(randomModel(2), {}, gpu), TEST_IMAGE);
    const sequence = await machine.open();
    const sampler = { topK: 1, invTemperature: 0, topP: 32_768, seedLow: 1, seedHigh: 0 };
    const run = async (): Promise<void> => {
      for await (const { index } of sequence.generate({ prompt: [2], maxTokens: 1000, sampler })) {
        if (index === 0) gpu.device.destroy();
      }
    };
    await expect(run()).rejects.toMatchObject({ code: 'gpu-lost' });
    // And again: nothing brings it back.
    await expect(run()).rejects.toMatchObject({ code: 'gpu-lost' });
    await expect(sequence.save()).rejects.toMatchObject({ code: 'gpu-lost' });
    await sequence.close();
    await machine.close();
  });
});
