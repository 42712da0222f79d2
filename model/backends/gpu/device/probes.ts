/**
 * What WebGPU leaves open or offers as an experiment, tried on the device itself before anything relies on it.
 */
import { MAP_READ, USAGE } from './gpu-usage.js';

/** Lanes of a subgroup that kernels with matrix units are written for. */
export const MATRIX_SUBGROUP = 32;

/**
 * Whether invocation n of a workgroup is lane n mod `subgroup` of its subgroup, on which the kernels rely. WGSL leaves
 * the numbering to the driver; all known ones number so.
 */
export async function lanesAreInOrder(device: GPUDevice, subgroup: number): Promise<boolean> {
  const size = 256;
  const code = /* wgsl */ `enable subgroups;
@group(0) @binding(0) var<storage, read_write> lanes: array<i32>;
@compute @workgroup_size(${size})
fn main(@builtin(local_invocation_index) local: u32, @builtin(subgroup_invocation_id) lane: u32, @builtin(subgroup_size) size: u32) {
  let neighbour = subgroupShuffleXor(local, 1u);
  lanes[local] = i32(lane == local % ${subgroup}u && size == ${subgroup}u && neighbour == (local ^ 1u));
}`;
  const lanes = await run(device, code, size);
  return lanes.every((flag) => flag === 1);
}

/**
 * Whether products of int8 matrices, 16 × 32 times 32 × 16, come out right: at the largest values and with all of them
 * different.
 */
export async function matricesWork(device: GPUDevice): Promise<boolean> {
  const code = /* wgsl */ `enable chromium_experimental_subgroup_matrix;
@group(0) @binding(0) var<storage, read_write> outputs: array<i32>;
var<workgroup> left: array<vec4<i32>, 32>;
var<workgroup> right: array<vec4<i32>, 32>;
var<workgroup> product: array<vec4<i32>, 64>;
@compute @workgroup_size(${MATRIX_SUBGROUP})
fn main(@builtin(local_invocation_index) local: u32) {
  left[local] = ${vector('4u * local')};
  right[local] = ${vector('4u * local + 128u')};
  workgroupBarrier();
  let a = subgroupMatrixLoad<subgroup_matrix_left<i8, 32, 16>, row_major>(&left, 0u, 2u);
  let b = subgroupMatrixLoad<subgroup_matrix_right<i8, 16, 32>, col_major>(&right, 0u, 2u);
  let c = subgroupMatrixMultiplyAccumulate(a, b, subgroup_matrix_result<i32, 16, 16>());
  subgroupMatrixStore<row_major>(&product, 0u, c, 4u);
  workgroupBarrier();
  for (var e = local; e < 256u; e += 32u) { outputs[e] = product[e / 4u][e % 4u]; }
}`;
  const bytes = new Int8Array(Uint32Array.from({ length: 256 }, (_, k) => Math.imul(k + 1, 0x9e3779b1)).buffer);
  const expected = Array.from({ length: 256 }, (_, e) => {
    let sum = 0;
    for (let k = 0; k < 32; k++) sum += bytes[(e >> 4) * 32 + k] * bytes[512 + (e & 15) * 32 + k];
    return sum;
  });
  device.pushErrorScope('validation');
  const outputs = await run(device, code, 256).catch(() => undefined);
  const refused = await device.popErrorScope();
  return refused === null && outputs !== undefined && expected.every((value, e) => value === outputs[e]);
}

/** Four words of noise, 16 int8, as WGSL: the same as in `matricesWork`. */
function vector(first: string): string {
  const word = (k: number): string => `bitcast<i32>((${first} + ${k + 1}u) * 0x9e3779b1u)`;
  return `vec4(${[0, 1, 2, 3].map(word).join(', ')})`;
}

/** Runs one workgroup; the `count` int32 of its only buffer. */
async function run(device: GPUDevice, code: string, count: number): Promise<Int32Array> {
  const compute = { module: device.createShaderModule({ code }), entryPoint: 'main' };
  const kernel = await device.createComputePipelineAsync({ layout: 'auto', compute });
  const outputs = device.createBuffer({ size: 4 * count, usage: USAGE.storage | USAGE.copySource });
  const readback = device.createBuffer({ size: 4 * count, usage: USAGE.mapRead | USAGE.copyTarget });
  const commands = device.createCommandEncoder();
  const pass = commands.beginComputePass();
  pass.setPipeline(kernel);
  const entries = [{ binding: 0, resource: { buffer: outputs } }];
  pass.setBindGroup(0, device.createBindGroup({ layout: kernel.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(1);
  pass.end();
  commands.copyBufferToBuffer(outputs, 0, readback, 0, 4 * count);
  device.queue.submit([commands.finish()]);
  await readback.mapAsync(MAP_READ);
  const values = new Int32Array(readback.getMappedRange().slice(0));
  outputs.destroy();
  readback.destroy();
  return values;
}
