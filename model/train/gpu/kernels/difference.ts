/**
 * WGSL: how far two results are apart: bits of the largest magnitude of the first, bits of the largest difference, and
 * how many differ at all.
 */
import { sweeps } from './optimiser.js';

const SIZE = 256;

/** `differences` is zero before. @param length a multiple of four */
export function difference(length: number): string {
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> expected: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> found: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> differences: array<atomic<u32>, 3>;
// As integers: so what is no number is larger than all that is.
fn bits(a: vec4<f32>) -> vec4<u32> { return bitcast<vec4<u32>>(a) & vec4(0x7fffffffu); }
fn most(a: vec4<u32>) -> u32 { return max(max(a.x, a.y), max(a.z, a.w)); }
@compute @workgroup_size(${SIZE})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  var magnitude = vec4<u32>(0u);
  var apart = vec4<u32>(0u);
  var unequal = vec4<u32>(0u);
  for (var at = id.x; at < ${length / 4}u; at += ${sweeps(length) * SIZE}u) {
    let a = expected[at];
    let b = found[at];
    magnitude = max(magnitude, bits(a));
    apart = max(apart, bits(a - b));
    unequal += vec4<u32>(bitcast<vec4<u32>>(a) != bitcast<vec4<u32>>(b));
  }
  atomicMax(&differences[0], most(magnitude));
  atomicMax(&differences[1], most(apart));
  atomicAdd(&differences[2], unequal.x + unequal.y + unequal.z + unequal.w);
}
`;
}
