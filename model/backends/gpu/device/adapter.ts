/** The way to a GPU in Node: the package `webgpu` (Dawn). */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../../../cache-folder.js';
import type { GpuDevice } from './gpu-device.js';
import { gpuNotFound, gpuPackageBroken, gpuPackageMissing } from './gpu-error.js';
import { gpuPackageCommand } from './gpu-package.js';
import { whyNoGpu } from './gpu-presence.js';
import { factsOf, nameOf, openAdapter, type AdapterFacts } from './open-adapter.js';

/**
 * Of Dawn: the experiment with matrix units; half floats on NVIDIA's cards too, where it hides them; no zeros for
 * workgroup memory, which every kernel writes before it reads; and no validation of calls, a third of the time that the
 * processor spends on a token. What calls there are is settled by the shape of a model, and tests validate them.
 */
const DAWN_FEATURES = [
  'allow_unsafe_apis',
  'vulkan_enable_f16_on_nvidia',
  'disable_workgroup_init',
  ...(process.env['MMFREE_GPU_VALIDATION'] === undefined ? ['skip_validation'] : []),
];

/**
 * Dawn's process-wide object. It must stay referenced while anything uses a GPU: when it is collected, its thread dies
 * in freed memory. While it is referenced, Node does not end by itself.
 */
let gpu: GPU | undefined;
let users = 0;

/** @throws GpuError `gpu-package` */
async function acquire(): Promise<GPU> {
  users++;
  if (gpu !== undefined) return gpu;
  keepCompiledKernels();
  try {
    const { create } = await import('webgpu');
    gpu = create([`enable-dawn-features=${DAWN_FEATURES.join(',')}`, 'disable-dawn-features=timestamp_quantization']);
    return gpu;
  } catch (error) {
    release();
    throw isMissing(error)
      ? gpuPackageMissing(gpuPackageCommand(), whyNoGpu())
      : gpuPackageBroken(gpuPackageCommand(), error);
  }
}

/**
 * NVIDIA's driver keeps what it compiled (its README, `__GL_SHADER_DISK_CACHE_PATH`), but not where it runs as root:
 * there a start takes half a second longer than with a folder of its own. Other drivers do not look at the variable.
 */
function keepCompiledKernels(): void {
  const name = '__GL_SHADER_DISK_CACHE_PATH';
  if (process.env[name] !== undefined) return;
  const folder = join(cacheFolder(process.env), 'gpu-kernels');
  try {
    mkdirSync(folder, { recursive: true });
    process.env[name] = folder;
  } catch {
    // A home that cannot be written to costs time only.
  }
}

/** Not one of its own files, which would be missing by its path. */
function isMissing(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    error.code === 'ERR_MODULE_NOT_FOUND' &&
    error.message.startsWith("Cannot find package 'webgpu'")
  );
}

function release(): void {
  if (--users === 0) gpu = undefined;
}

async function findAdapter(): Promise<GPUAdapter> {
  const adapter = await (await acquire()).requestAdapter({ powerPreference: 'high-performance' });
  if (adapter) return adapter;
  release();
  throw gpuNotFound(whyNoGpu());
}

/** Looks at the adapter without using it. @throws GpuError */
export async function examineAdapter(): Promise<AdapterFacts> {
  const adapter = await findAdapter();
  try {
    return factsOf(adapter);
  } finally {
    release();
  }
}

/**
 * Opens the most powerful adapter with all that it offers.
 *
 * @param options `software`: whether an adapter that is a program will do, which is slower than the reference (default:
 * yes)
 * @throws GpuError
 */
export async function openGpu({ software = true }: { readonly software?: boolean } = {}): Promise<GpuDevice> {
  const adapter = await findAdapter();
  if (!software && adapter.info.isFallbackAdapter) {
    release();
    throw gpuNotFound(`${nameOf(adapter)} is software`);
  }
  return await openAdapter(adapter, release);
}
