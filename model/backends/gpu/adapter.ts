/**
 * The way to a GPU in Node: the package `webgpu` (Dawn). Everything else in this folder but gpu-presence.ts would run in a browser too.
 */
import { GpuDevice, USAGE, type GpuFeatures } from './gpu-device.js';
import { gpuNotFound, gpuPackage } from './gpu-error.js';
import { whyNoGpu } from './gpu-presence.js';

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
  'maxStorageBuffersPerShaderStage',
] as const;

const MATRICES = 'chromium-experimental-subgroup-matrix';
const WANTED_FEATURES = ['subgroups', 'timestamp-query', MATRICES];

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
  try {
    const { create } = await import('webgpu');
    // Exact timestamps, and the experiment with matrix units, which is checked before it is used.
    gpu = create(['enable-dawn-features=allow_unsafe_apis', 'disable-dawn-features=timestamp_quantization']);
    return gpu;
  } catch (error) {
    release();
    throw gpuPackage(error);
  }
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
    const subgroup = fixedSubgroup(adapter);
    const features: GpuFeatures = {
      subgroup: subgroup > 0 && (await lanesAreInOrder(device, subgroup)) ? subgroup : 0,
      timestamps: adapter.features.has('timestamp-query'),
      matrices: adapter.features.has(MATRICES),
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

/**
 * Whether invocation n of a workgroup is lane n mod `subgroup` of its subgroup, on which the kernels rely. WGSL leaves the numbering to the driver;
 * all known ones number so.
 */
async function lanesAreInOrder(device: GPUDevice, subgroup: number): Promise<boolean> {
  const size = 256;
  const code = /* wgsl */ `enable subgroups;
@group(0) @binding(0) var<storage, read_write> lanes: array<u32>;
@compute @workgroup_size(${size})
fn main(@builtin(local_invocation_index) local: u32, @builtin(subgroup_invocation_id) lane: u32, @builtin(subgroup_size) size: u32) {
  let neighbour = subgroupShuffleXor(local, 1u);
  lanes[local] = u32(lane == local % ${subgroup}u && size == ${subgroup}u && neighbour == (local ^ 1u));
}`;
  const compute = { module: device.createShaderModule({ code }), entryPoint: 'main' };
  const kernel = await device.createComputePipelineAsync({ layout: 'auto', compute });
  const lanes = device.createBuffer({ size: 4 * size, usage: USAGE.storage | USAGE.copySource });
  const readback = device.createBuffer({ size: 4 * size, usage: USAGE.mapRead | USAGE.copyTarget });
  const commands = device.createCommandEncoder();
  const pass = commands.beginComputePass();
  pass.setPipeline(kernel);
  const entries = [{ binding: 0, resource: { buffer: lanes } }];
  pass.setBindGroup(0, device.createBindGroup({ layout: kernel.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(1);
  pass.end();
  commands.copyBufferToBuffer(lanes, 0, readback, 0, 4 * size);
  device.queue.submit([commands.finish()]);
  await readback.mapAsync(1);
  const inOrder = new Uint32Array(readback.getMappedRange()).every((flag) => flag === 1);
  lanes.destroy();
  readback.destroy();
  return inOrder;
}
