/** The processor, by its own kernels: wherever WebAssembly has SIMD and the model fits its memory. */
import { CpuError } from '../../model/backends/cpu/cpu-error.js';
import type { Absence, MachineRequest } from '../machine-request.js';
import type { OpenedMachine } from '../opened-machine.js';
import type { EngineOptions } from '../options.js';
import { openCpuMachine } from './cpu.js';

/** @throws ImageError; AbortError */
export async function findCpuMachine(
  request: MachineRequest,
  options: EngineOptions,
): Promise<OpenedMachine | Absence> {
  try {
    return await openCpuMachine(request, options);
  } catch (error) {
    if (!(error instanceof CpuError)) throw error;
    return { why: `${error.message}: ${error.reason.replace(/\.$/, '')}`, hasFailed: true };
  }
}
