/** Everything that can go wrong with the kernels of the processor, in words. */
import { MmfreeError } from '../../../protocol/errors.js';

export type CpuErrorCode =
  /** The model does not fit what WebAssembly can address. */
  | 'cpu-too-large'
  /** The engine has no SIMD, or no memory. */
  | 'cpu-unsupported'
  /** A thread ended, or computed something else than it should. */
  | 'cpu-failed';

/** An error of the machine `cpu`. */
export class CpuError extends MmfreeError<CpuErrorCode> {}

const USE_REFERENCE = 'Compute with the reference, which is slower and has no such limit.';

export function modelTooLarge(bytes: number): CpuError {
  return new CpuError('cpu-too-large', 'the model is too large for the machine cpu', {
    reason: `It needs ${(bytes / 2 ** 30).toFixed(1)} GiB with two bits a weight; WebAssembly addresses 4 GiB.`,
    fix: `Use a GPU. ${USE_REFERENCE}`,
    facts: { bytes },
  });
}

/** @param what is missing, as a sentence */
export function cpuUnsupported(what: string, cause?: unknown): CpuError {
  return new CpuError('cpu-unsupported', 'the machine cpu does not run here', {
    reason: what,
    fix: `Use a newer Node or browser, or give it more memory. ${USE_REFERENCE}`,
    cause,
  });
}

export function cpuFailed(cause: unknown): CpuError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new CpuError('cpu-failed', 'the machine cpu has failed', {
    reason: `Its thread ended: ${why}`,
    fix: `Start again; if it happens once more, please report it. ${USE_REFERENCE}`,
    cause,
  });
}
