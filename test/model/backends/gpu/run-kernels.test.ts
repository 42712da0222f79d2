import { describe, expect, it, vi } from 'vitest';
import { openGpu } from '../../../../model/backends/gpu/device/adapter.js';
import { GpuMachine } from '../../../../model/backends/gpu/gpu-machine.js';
import { prepareKernels } from '../../../../model/backends/gpu/run-kernels.js';
import { samplerSettings } from '../../../../model/integer/sampler.js';
import { gpuModel, hasGpu, SMALL_PLAN } from '../../../helpers/gpu.js';
import { gathered, TEST_IMAGE } from '../../../helpers/machines.js';
import { randomModel } from '../../../oracle/random-model.js';

describe.skipIf(!hasGpu)('prepareKernels', () => {
  it('has the driver compile all that loading and the first tokens need, and nothing else', async () => {
    const sections = randomModel(1);
    // Of its own: a device compiles nothing twice.
    const gpu = await openGpu();
    try {
      const compile = vi.spyOn(gpu.device, 'createComputePipelineAsync');
      await prepareKernels({ gpu, shape: sections.shape, plan: SMALL_PLAN });
      const compiling = compile.mock.calls.map(([{ label }]: readonly [{ readonly label: string }]) => label);
      expect(compiling).toHaveLength(new Set(compiling).size);

      const used = vi.spyOn(gpu, 'kernel');
      const machine = await GpuMachine.create(await gpuModel(sections, {}, gpu), TEST_IMAGE);
      const sequence = await machine.open();
      const sampler = samplerSettings({ temperature: 1, topK: 40, topP: 0.95, seed: 1n });
      expect(await gathered(sequence.generate({ prompt: [1, 2, 3], maxTokens: 3, sampler }))).not.toHaveLength(0);
      expect(compile).toHaveBeenCalledTimes(compiling.length);
      expect(new Set(used.mock.calls.map(([label]) => label))).toEqual(new Set(compiling));
    } finally {
      gpu.destroy();
    }
  });
});
