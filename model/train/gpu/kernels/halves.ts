/**
 * WGSL: gradients as half floats. Those are tiny, so all of a tensor are multiplied by one power of two, by which the
 * largest comes between 2^14 and 2^15: what is 2^38 times smaller is lost, and nothing else is.
 */
import { sweeps } from './optimiser.js';

const SIZE = 256;

/** Words from the top of one tensor to that of the next, so that each can be bound alone: 256 bytes. */
export const TOP_STRIDE = 64;

/**
 * `fn scaleOf(top: u32) -> f32` and its inverse, where `top` are the bits of the largest magnitude. That of what is not
 * finite is not finite either, and spoils all that it is multiplied with, as it should: a step with it is not done.
 */
export const SCALES = /* wgsl */ `
fn exponentOf(top: u32) -> u32 { return clamp(268u - (top >> 23u), 1u, 253u); }
fn scaleOf(top: u32) -> f32 { return bitcast<f32>(exponentOf(top) << 23u); }
fn inverseScaleOf(top: u32) -> f32 {
  return bitcast<f32>(select((254u - exponentOf(top)) << 23u, top, (top >> 23u) == 255u));
}
`;

/**
 * The bits of the largest magnitude of `length` floats, a multiple of four; `top` is zero before. In any order it is
 * the same.
 */
export function largest(length: number): string {
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> values: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> top: array<atomic<u32>>;
var<workgroup> ours: atomic<u32>;
@compute @workgroup_size(${SIZE})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  if (local == 0u) { atomicStore(&ours, 0u); }
  workgroupBarrier();
  var most = vec4<u32>(0u);
  // As integers: so what is no number is larger than all that is.
  for (var at = id.x; at < ${length / 4}u; at += ${sweeps(length) * SIZE}u) { most = max(most, values[at] & vec4(0x7fffffffu)); }
  atomicMax(&ours, max(max(most.x, most.y), max(most.z, most.w)));
  workgroupBarrier();
  if (local == 0u) { atomicMax(&top[0], atomicLoad(&ours)); }
}
`;
}

/** `length` floats, a multiple of eight, as halves, eight in a vector. */
export function halve(length: number): string {
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> values: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> top: array<u32>;
@group(0) @binding(2) var<storage, read_write> halves: array<vec4<u32>>;
${SCALES}
@compute @workgroup_size(${SIZE})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let scale = scaleOf(top[0]);
  for (var at = id.x; at < ${length / 8}u; at += ${sweeps(length) * SIZE}u) {
    let a = values[2u * at] * scale;
    let b = values[2u * at + 1u] * scale;
    halves[at] = vec4(pack2x16float(a.xy), pack2x16float(a.zw), pack2x16float(b.xy), pack2x16float(b.zw));
  }
}
`;
}

/** Workgroups of both. */
export const halvesGroups = sweeps;
