/**
 * The GPU, if there is one that is faster than the processor. A computer without one does not load what it takes to use
 * one.
 */
import { whyNoGpu } from '../../model/backends/gpu/device/gpu-presence.js';
import type { Absence, MachineRequest } from '../machine-request.js';
import type { OpenedMachine } from '../opened-machine.js';
import type { EngineOptions } from '../options.js';

/** @throws ImageError; AbortError */
export async function findGpuMachine(
  request: MachineRequest,
  options: EngineOptions,
): Promise<OpenedMachine | Absence> {
  const why = whyNoGpu();
  if (why !== undefined) return { why: `no GPU: ${why}`, hasFailed: false };
  const { openHardwareGpu } = await import('./gpu.js');
  return await openHardwareGpu(request, options);
}
