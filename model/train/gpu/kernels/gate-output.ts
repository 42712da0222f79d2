/**
 * WGSL: o = rmsnorm(g)·silu(h), one workgroup a row, and its way back but for the norm's own (docs/TRAINING.md, section
 * 4).
 */
import { enableSubgroups, type Group } from '../../../backends/gpu/kernels/reduce.js';
import { rowReduction } from './reduce-rows.js';

/** Leaves r of each row in `stats`. */
export function gateOutput(columns: number, eps: number, group: Group): string {
  const words = columns / 4;
  return /* wgsl */ `
${enableSubgroups(group)}
@group(0) @binding(0) var<storage, read> g: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> gain: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> states: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> o: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> stats: array<vec4<f32>>;
${rowReduction(group)}
@compute @workgroup_size(${group.size})
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let base = workgroup.x * ${words}u;
  var squares = 0.0;
  for (var k = local; k < ${words}u; k += ${group.size}u) { squares += dot(g[base + k], g[base + k]); }
  let r = 1.0 / sqrt(reduced(local, vec2(squares, 0.0)).x / ${columns}.0 + ${eps.toExponential()});
  for (var k = local; k < ${words}u; k += ${group.size}u) {
    let h = states[base + k];
    o[base + k] = g[base + k] * r * gain[k] * h / (1.0 + exp(-h));
  }
  if (local == 0u) { stats[workgroup.x] = vec4(r, 0.0, 0.0, 0.0); }
}
`;
}

/** do → d(rmsnorm(g)) in its place, and the states' gradient without what comes from later ones. */
export function gateOutputBack(columns: number, group: Group): string {
  const words = columns / 4;
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> g: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> gain: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> states: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> stats: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> dOutput: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> dStates: array<vec4<f32>>;
@compute @workgroup_size(${group.size})
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let base = workgroup.x * ${words}u;
  let r = stats[workgroup.x].x;
  for (var k = local; k < ${words}u; k += ${group.size}u) {
    let h = states[base + k];
    let s = 1.0 / (1.0 + exp(-h));
    let d = dOutput[base + k];
    dStates[base + k] = d * g[base + k] * r * gain[k] * s * (1.0 + h * (1.0 - s));
    dOutput[base + k] = d * h * s;
  }
}
`;
}
