/** WGSL: the norm of all gradients, clipping and AdamW (arXiv 1711.05101), for all parameters at once. */
import { rowReduction } from './reduce-rows.js';

const SIZE = 256;
/** Workgroups that go through everything in strides, at most. */
const MOST_SWEEPS = 1024;

/** Workgroups for so many parameters. */
export function sweeps(length: number): number {
  return Math.min(MOST_SWEEPS, Math.ceil(length / 4 / SIZE));
}

/** Sums of squares: one for each sweep. */
export function squareSums(length: number): string {
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> gradient: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> sums: array<f32>;
${rowReduction({ size: SIZE, subgroup: 0 })}
@compute @workgroup_size(${SIZE})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  var sum = 0.0;
  for (var at = group.x * ${SIZE}u + local; at < ${length / 4}u; at += ${sweeps(length) * SIZE}u) { sum += dot(gradient[at], gradient[at]); }
  let total = reduced(local, vec2(sum, 0.0));
  if (local == 0u) { sums[group.x] = total.x; }
}
`;
}

/**
 * `report`: the loss, which is the sum over rows, and the norm of the gradients. Adds to the loss of the micro-batches
 * before.
 */
export function lossSum(rows: number): string {
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> losses: array<f32>;
@group(0) @binding(1) var<storage, read_write> report: array<f32>;
${rowReduction({ size: SIZE, subgroup: 0 })}
@compute @workgroup_size(${SIZE})
fn main(@builtin(local_invocation_index) local: u32) {
  var sum = 0.0;
  for (var row = local; row < ${rows}u; row += ${SIZE}u) { sum += losses[row]; }
  let total = reduced(local, vec2(sum, 0.0));
  if (local == 0u) { report[0] += total.x; }
}
`;
}

export function gradientNorm(length: number): string {
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> sums: array<f32>;
@group(0) @binding(1) var<storage, read_write> report: array<f32>;
${rowReduction({ size: SIZE, subgroup: 0 })}
@compute @workgroup_size(${SIZE})
fn main(@builtin(local_invocation_index) local: u32) {
  var sum = 0.0;
  for (var at = local; at < ${sweeps(length)}u; at += ${SIZE}u) { sum += sums[at]; }
  let total = reduced(local, vec2(sum, 0.0));
  if (local == 0u) { report[1] = sqrt(total.x); }
}
`;
}

/** Words of `AdamWStep`, as `adamW` reads them. */
export const STEP_WORDS = 8;

/**
 * m = β₁m + (1 − β₁)g, v = β₂v + (1 − β₂)g², p = p·(1 − rate·decay) − rate·(m/c₁)/(√(v/c₂) + ε), with g clipped to a
 * norm and c the corrections of the bias. A loss or gradient that is not finite changes nothing: whoever reads the
 * report stops.
 *
 * @param decayed so many of the parameters decay, from the first on
 */
export function adamW(length: number, decayed: number): string {
  return /* wgsl */ `
struct Step { rate: f32, beta1: f32, beta2: f32, epsilon: f32, decay: f32, clip: f32, correction1: f32, correction2: f32 }
@group(0) @binding(0) var<storage, read_write> parameters: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> gradient: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> first: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> second: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> report: array<f32>;
@group(0) @binding(5) var<uniform> step: Step;
// By its bits: compilers may take for granted that numbers are finite.
fn isFinite(a: f32) -> bool { return (bitcast<u32>(a) & 0x7f800000u) != 0x7f800000u; }
@compute @workgroup_size(${SIZE})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let norm = report[1];
  if (!isFinite(norm) || !isFinite(report[0])) { return; }
  let scale = min(1.0, step.clip / (norm + 1e-6));
  for (var at = id.x; at < ${length / 4}u; at += ${sweeps(length) * SIZE}u) {
    let g = gradient[at] * scale;
    let m = step.beta1 * first[at] + (1.0 - step.beta1) * g;
    let v = step.beta2 * second[at] + (1.0 - step.beta2) * g * g;
    first[at] = m;
    second[at] = v;
    let kept = parameters[at] * (1.0 - select(0.0, step.rate * step.decay, at < ${decayed / 4}u));
    parameters[at] = kept - step.rate * (m / step.correction1) / (sqrt(v / step.correction2) + step.epsilon);
  }
}
`;
}
