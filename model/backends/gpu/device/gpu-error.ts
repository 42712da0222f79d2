/** Everything that can go wrong with a GPU, in words. */
import { MmfreeError } from '../../../../protocol/errors.js';

export type GpuErrorCode =
  /** The package `webgpu` is not there, or does not load on this system. */
  | 'gpu-package'
  /** There is no adapter. */
  | 'gpu-not-found'
  /** The adapter cannot run this model. */
  | 'gpu-too-small'
  | 'gpu-out-of-memory'
  /** The driver gave up: reset, removed, or hung. */
  | 'gpu-lost'
  /** It refused something that it should take, or computed something else than it should. */
  | 'gpu-failed';

/** An error of a GPU, its driver, or the way to it. */
export class GpuError extends MmfreeError<GpuErrorCode> {}

const USE_CPU = 'Or compute on the processor.';

/** @param command what brings the package (gpu-package.ts) @param noGpu why it would not help, if that is known */
export function gpuPackageMissing(command: string, noGpu?: string): GpuError {
  return new GpuError('gpu-package', 'the package webgpu is not installed', {
    reason: `It comes only when wanted, as it takes 132 MB.${noGpu === undefined ? '' : ` Here it would find no GPU: ${noGpu}.`}`,
    fix: `Run \`${command}\` as whoever installed mmfree. ${USE_CPU}`,
    facts: { command },
  });
}

export function gpuPackageBroken(command: string, cause: unknown): GpuError {
  const line = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
  return new GpuError('gpu-package', 'the package webgpu does not load', {
    reason: `It has no part for this system (it has for Linux and Windows, x64 and arm64, and macOS), or that part does not start: ${line}`,
    fix: `If it came from another system, remove it and run \`${command}\` here. ${USE_CPU}`,
    facts: { command },
    cause,
  });
}

/** @param why what is missing, if that is known */
export function gpuNotFound(why?: string, cause?: unknown): GpuError {
  return new GpuError('gpu-not-found', 'no GPU found', {
    reason:
      why === undefined
        ? 'WebGPU found no adapter: there is no GPU, or its driver does not work.'
        : `WebGPU found no adapter: ${why}.`,
    fix: `Install the driver and, on Linux, the Vulkan loader (Debian: \`apt install libvulkan1\`). ${USE_CPU}`,
    cause,
  });
}

/** @param limit its name in WebGPU */
export function gpuTooSmall(adapter: string, limit: string, needed: number, offered: number): GpuError {
  return new GpuError('gpu-too-small', `${adapter} cannot hold this model`, {
    reason: `One of its parts needs ${limit} of ${needed.toLocaleString('en-US')}; the adapter offers ${offered.toLocaleString('en-US')}.`,
    fix: `Use a GPU that offers more. ${USE_CPU}`,
    facts: { adapter, limit, needed, offered },
  });
}

export function gpuOutOfMemory(bytes: number, allocated: number, cause?: unknown): GpuError {
  return new GpuError('gpu-out-of-memory', 'the GPU has no memory left', {
    reason: `${mebibytes(bytes)} more were refused; ${mebibytes(allocated)} are held already.`,
    fix: `End other programs that use the GPU, or use a smaller model. ${USE_CPU}`,
    facts: { bytes, allocated_bytes: allocated },
    cause,
  });
}

export function gpuLost(reason: string): GpuError {
  return new GpuError('gpu-lost', 'the GPU is gone', {
    reason: `The driver reports: ${firstLine(reason)}`,
    fix: `Run the command again; if it happens again, look at the system's log (\`dmesg\`) and update the driver. ${USE_CPU}`,
  });
}

export function gpuFailed(problem: string): GpuError {
  return new GpuError('gpu-failed', 'the GPU refused to work', {
    reason: firstLine(problem),
    fix: `This is a mistake in mmfree or in the driver: report it. ${USE_CPU}`,
  });
}

function firstLine(text: string): string {
  return text.split('\n').find((line) => line.trim() !== '') ?? 'nothing more';
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
