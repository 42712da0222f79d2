/**
 * WGSL: m = max(mean|W|, 1e-5) of every ternary matrix, in two stages: sums over blocks of the parameters, then over
 * the blocks of a matrix. Blocks are padded with zeros, which add nothing.
 */
import { BLOCK, MEAN_STRIDE } from '../parameter-layout.js';
import { rowReduction } from './reduce-rows.js';

const SIZE = 256;

/** One workgroup a block. */
export function blockSums(): string {
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> parameters: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> sums: array<f32>;
${rowReduction({ size: SIZE, subgroup: 0 })}
@compute @workgroup_size(${SIZE})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let block = group.y * groups.x + group.x;
  if (block >= arrayLength(&sums)) { return; }
  let w = abs(parameters[block * ${BLOCK / 4}u + local]);
  let total = reduced(local, vec2(w.x + w.y + w.z + w.w, 0.0));
  if (local == 0u) { sums[block] = total.x; }
}
`;
}

/** One workgroup a matrix. `matrices`: first block, blocks, weights. */
export function matrixMeans(): string {
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> sums: array<f32>;
@group(0) @binding(1) var<storage, read> matrices: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> means: array<f32>;
${rowReduction({ size: SIZE, subgroup: 0 })}
@compute @workgroup_size(${SIZE})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let matrix = matrices[group.x];
  var sum = 0.0;
  for (var block = local; block < matrix.y; block += ${SIZE}u) { sum += sums[matrix.x + block]; }
  let total = reduced(local, vec2(sum, 0.0));
  if (local == 0u) { means[group.x * ${MEAN_STRIDE}u] = max(total.x / f32(matrix.z), 1e-5); }
}
`;
}
