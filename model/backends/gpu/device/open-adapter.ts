/**
 * An adapter of WebGPU, wherever it comes from (a browser's `navigator.gpu`, or adapter.ts): what it is, and a device
 * with all that it offers.
 */
import { GpuDevice, type GpuFeatures } from './gpu-device.js';
import { gpuNotFound } from './gpu-error.js';
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
const HALF_FLOATS = 'shader-f16';
const WANTED_FEATURES = ['subgroups', 'timestamp-query', MATRICES, HALF_FLOATS];

/** Looks at an adapter without using it. */
export function factsOf(adapter: GPUAdapter): AdapterFacts {
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
}

/** @param release called when the device is destroyed, or could not be opened @throws GpuError */
export async function openAdapter(adapter: GPUAdapter, release: () => void = () => {}): Promise<GpuDevice> {
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
      halves: subgroup === MATRIX_SUBGROUP && offersHalves(adapter),
    };
    return new GpuDevice(device, nameOf(adapter), features, release);
  } catch (error) {
    release();
    throw gpuNotFound(undefined, error);
  }
}

export function nameOf({ info }: GPUAdapter): string {
  return info.description || info.device || [info.vendor, info.architecture].filter(Boolean).join(' ') || 'GPU';
}

/** Whether matrix units multiply half floats as training does: 16 × 16 × 16, with sums in float32. */
function offersHalves({ features, info }: GPUAdapter): boolean {
  if (!features.has(MATRICES) || !features.has(HALF_FLOATS)) return false;
  const { subgroupMatrixConfigs = [] } = info as { readonly subgroupMatrixConfigs?: Iterable<MatrixConfig> };
  return [...subgroupMatrixConfigs].some(
    ({ componentType, resultComponentType, M, N, K }) =>
      componentType === 'f16' && resultComponentType === 'f32' && M === 16 && N === 16 && K === 16,
  );
}

/** One of an adapter's, in Dawn's words: M × K times K × N. */
interface MatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** Lanes of a subgroup, if all are equally wide; else 0. */
function fixedSubgroup({ features, info }: GPUAdapter): number {
  const { subgroupMinSize, subgroupMaxSize } = info;
  return features.has('subgroups') && subgroupMinSize === subgroupMaxSize ? subgroupMaxSize : 0;
}
