/**
 * The way to a GPU in Node: the package `webgpu` (Dawn). Everything else in this folder but gpu-presence.ts would run in a browser too.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../../../cache-folder.js';
import { GpuDevice, type GpuFeatures } from './gpu-device.js';
import { gpuNotFound, gpuPackageBroken, gpuPackageMissing } from './gpu-error.js';
import { gpuPackageCommand } from './gpu-package.js';
import { whyNoGpu } from './gpu-presence.js';
import { lanesAreInOrder, MATRIX_SUBGROUP } from './probes.js';

/** What an adapter is, for people. */
export interface AdapterFacts {
  readonly name: string;
  /** Software: for tests. */
  readonly isFallback: boolean;
  readonly subgroup: number;
  readonly matrices: boolean;
  readonly timestamps: boolean;
  readonly maxBufferSize: number;
  readonly maxStorageBufferBindingSize: number;
  readonly maxComputeWorkgroupStorageSize: number;
}

/** Limits of which as much as there is serves: large models, wide rows. */
const WANTED_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxStorageBuffersPerShaderStage',
] as const;

const MATRICES = 'chromium-experimental-subgroup-matrix';
const WANTED_FEATURES = ['subgroups', 'timestamp-query', MATRICES];

/**
 * Of Dawn: the experiment with matrix units; no zeros for workgroup memory, which every kernel writes before it reads; and no validation of calls, a
 * third of the time that the processor spends on a token. What calls there are is settled by the shape of a model, and tests validate them.
 */
const DAWN_FEATURES = [
  'allow_unsafe_apis',
  'disable_workgroup_init',
  ...(process.env['MMFREE_GPU_VALIDATION'] === undefined ? ['skip_validation'] : []),
];

/**
 * Dawn's process-wide object. It must stay referenced while anything uses a GPU: when it is collected, its thread dies in freed memory. While it is
 * referenced, Node does not end by itself.
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
 * NVIDIA's driver keeps what it compiled (its README, `__GL_SHADER_DISK_CACHE_PATH`), but not where it runs as root: there a start takes half a second
 * longer than with a folder of its own. Other drivers do not look at the variable.
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
    const { limits } = adapter;
    return {
      name: nameOf(adapter),
      isFallback: adapter.info.isFallbackAdapter,
      subgroup: fixedSubgroup(adapter),
      matrices: adapter.features.has(MATRICES),
      timestamps: adapter.features.has('timestamp-query'),
      maxBufferSize: limits.maxBufferSize,
      maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
      maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
    };
  } finally {
    release();
  }
}

/**
 * Opens the most powerful adapter with all that it offers.
 *
 * @param options `software`: whether an adapter that is a program will do, which is slower than the reference (default: yes)
 * @throws GpuError
 */
export async function openGpu({ software = true }: { readonly software?: boolean } = {}): Promise<GpuDevice> {
  const adapter = await findAdapter();
  if (!software && adapter.info.isFallbackAdapter) {
    release();
    throw gpuNotFound(`${nameOf(adapter)} is software`);
  }
  try {
    const requiredLimits = Object.fromEntries(WANTED_LIMITS.map((limit) => [limit, adapter.limits[limit]]));
    const requiredFeatures = WANTED_FEATURES.filter((feature) => adapter.features.has(feature)) as GPUFeatureName[];
    const device = await adapter.requestDevice({ requiredLimits, requiredFeatures });
    const width = fixedSubgroup(adapter);
    const subgroup = width > 0 && (await lanesAreInOrder(device, width)) ? width : 0;
    const features: GpuFeatures = {
      subgroup,
      timestamps: adapter.features.has('timestamp-query'),
      matrices: subgroup === MATRIX_SUBGROUP && adapter.features.has(MATRICES),
    };
    return new GpuDevice(device, nameOf(adapter), features, release);
  } catch (error) {
    release();
    throw gpuNotFound(undefined, error);
  }
}

function nameOf({ info }: GPUAdapter): string {
  return info.description || info.device || [info.vendor, info.architecture].filter(Boolean).join(' ') || 'GPU';
}

/** Lanes of a subgroup, if all are equally wide; else 0. */
function fixedSubgroup({ features, info }: GPUAdapter): number {
  const { subgroupMinSize = 0, subgroupMaxSize = 0 } = info;
  return features.has('subgroups') && subgroupMinSize === subgroupMaxSize ? subgroupMaxSize : 0;
}
