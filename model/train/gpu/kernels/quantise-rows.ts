/**
 * WGSL: RMSNorm and int8 quantisation of rows, one workgroup a row: y = n·r₂·w₂, q = round(y·127/max|y|), where n is v,
 * or the block's own norm of it, v·r₁·w₁. Leaves r₁, r₂ and the step max|y|/127 of each row for the product and the way
 * back. In halves it leaves q times the step instead of q: what the gradient of the weights is a product with.
 */
import { enableSubgroups, type Group } from '../../../backends/gpu/kernels/reduce.js';
import { everyWord, rowReduction, wordsEach } from './reduce-rows.js';

/** ε of BitLinear's own norm. */
const BITLINEAR_EPS = 1e-6;
const MIN_ABSMAX = 1e-5;

/** Of a half. No norm comes near it. */
const LARGEST_HALF = 65_504;

/** @param blockEps ε of the norm in front, which is bound at 4; undefined: there is none */
export function quantiseRows(
  columns: number,
  blockEps: number | undefined,
  group: Group,
  form: 'int8' | 'half' = 'int8',
): string {
  const words = columns / 4;
  const each = (body: string): string => everyWord(words, group, body);
  const packed = form === 'int8' ? 'pack4xI8(q)' : 'halves(vec4<f32>(q) * (absmax / 127.0))';
  return /* wgsl */ `
${enableSubgroups(group)}
@group(0) @binding(0) var<storage, read> v: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> gain: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> quantised: array<${form === 'int8' ? 'u32' : 'vec2<u32>'}>;
@group(0) @binding(3) var<storage, read_write> stats: array<vec4<f32>>;
${blockEps === undefined ? '' : '@group(0) @binding(4) var<storage, read> blockGain: array<vec4<f32>>;'}
${rowReduction(group)}
${
  form === 'int8'
    ? ''
    : `fn halves(y: vec4<f32>) -> vec2<u32> {
  let bounded = clamp(y, vec4(-${LARGEST_HALF}.0), vec4(${LARGEST_HALF}.0));
  return vec2(pack2x16float(bounded.xy), pack2x16float(bounded.zw));
}`
}
@compute @workgroup_size(${group.size})
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let base = workgroup.x * ${words}u;
  var n: array<vec4<f32>, ${wordsEach(words, group)}>;
  var squares = 0.0;
  ${each('let value = v[base + k]; n[e] = value; squares += dot(value, value);')}
  var r1 = 1.0;
  ${
    blockEps === undefined
      ? ''
      : `r1 = 1.0 / sqrt(reduced(local, vec2(squares, 0.0)).x / ${columns}.0 + ${blockEps.toExponential()});
  squares = 0.0;
  ${each('let value = n[e] * r1 * blockGain[k]; n[e] = value; squares += dot(value, value);')}`
  }
  var top = 0.0;
  ${each('let y = abs(n[e] * gain[k]); top = max(top, max(max(y.x, y.y), max(y.z, y.w)));')}
  let total = reduced(local, vec2(squares, top));
  let r2 = 1.0 / sqrt(total.x / ${columns}.0 + ${BITLINEAR_EPS.toExponential()});
  let absmax = max(total.y * r2, ${MIN_ABSMAX.toExponential()});
  let scale = 127.0 / absmax;
  ${each(`let q = clamp(vec4<i32>(round(n[e] * r2 * gain[k] * scale)), vec4(-128), vec4(127)); quantised[base + k] = ${packed};`)}
  // Integers hide what is not finite: the step carries it on.
  let isFinite = (bitcast<u32>(total.x) & 0x7f800000u) != 0x7f800000u;
  if (local == 0u) { stats[workgroup.x] = vec4(r1, r2, select(total.x, absmax / 127.0, isFinite), 0.0); }
}
`;
}
