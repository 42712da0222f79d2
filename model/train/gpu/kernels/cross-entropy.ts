/**
 * WGSL: loss of each row and, in the place of its logits, their gradient: (softmax − onehot)·weight; one workgroup a
 * row. A row whose target is 2^32 − 1 has no part in the loss.
 */
import { enableSubgroups, type Group } from '../../../backends/gpu/kernels/reduce.js';
import { SCALES } from './halves.js';
import { rowReduction } from './reduce-rows.js';

/** What stands for no target. */
export const NO_TARGET = 0xffff_ffff;

/**
 * @param weight of one row in the mean
 * @param intoHalves whether the gradient goes to halves that are bound at 3, scaled by its bound, `weight`; the
 * vocabulary is even then
 */
export function crossEntropy(vocabulary: number, weight: number, group: Group, intoHalves: boolean): string {
  const each = (body: string, length = vocabulary): string =>
    `for (var k = local; k < ${length}u; k += ${group.size}u) { ${body} }`;
  const gradient = (k: string): string =>
    `(exp(logits[base + ${k}] - top) / sum - select(0.0, 1.0, ${k} == wanted)) * factor`;
  const pair = `halves[base / 2u + k] = pack2x16float(vec2(${gradient('2u * k')}, ${gradient('(2u * k + 1u)')}) * scale);`;
  return /* wgsl */ `
${enableSubgroups(group)}
@group(0) @binding(0) var<storage, read_write> logits: array<f32>;
@group(0) @binding(1) var<storage, read> targets: array<u32>;
@group(0) @binding(2) var<storage, read_write> losses: array<f32>;
${intoHalves ? `@group(0) @binding(3) var<storage, read_write> halves: array<u32>;${SCALES}` : ''}
${rowReduction(group)}
@compute @workgroup_size(${group.size})
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let base = workgroup.x * ${vocabulary}u;
  let wanted = targets[workgroup.x];
  var top = -3.4e38;
  ${each('top = max(top, logits[base + k]);')}
  top = reduced(local, vec2(0.0, top)).y;
  var sum = 0.0;
  ${each('sum += exp(logits[base + k] - top);')}
  sum = reduced(local, vec2(sum, 0.0)).x;
  let counts = wanted != ${NO_TARGET}u;
  if (local == 0u) { losses[workgroup.x] = select(0.0, (top + log(sum) - logits[base + min(wanted, ${vocabulary - 1}u)]) * ${weight.toExponential()}, counts); }
  workgroupBarrier(); // the logit of the target is read before it is replaced
  let factor = select(0.0, ${weight.toExponential()}, counts);
  ${
    intoHalves
      ? `let scale = scaleOf(${bitsOf(weight)}u);\n  ${each(pair, vocabulary / 2)}`
      : each(`logits[base + k] = ${gradient('k')};`)
  }
}
`;
}

/** Of a float32. */
export function bitsOf(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0];
}
