/**
 * WGSL: sum and maximum over the invocations of a workgroup, in floats. Always in the same order, so the same bits come
 * out on the same card.
 */
import type { Group } from '../../../backends/gpu/kernels/reduce.js';

/**
 * `fn reduced(local: u32, value: vec2<f32>) -> vec2<f32>`: the sum of x and the maximum of y of all invocations. In
 * uniform control flow only.
 */
export function rowReduction({ size, subgroup }: Group): string {
  const lanes = Math.max(1, Math.min(subgroup, size));
  const both = (a: string, b: string): string => `vec2(${a}.x + ${b}.x, max(${a}.y, ${b}.y))`;
  if (lanes === size) {
    return /* wgsl */ `
fn reduced(local: u32, value: vec2<f32>) -> vec2<f32> { return vec2(subgroupAdd(value.x), subgroupMax(value.y)); }
`;
  }
  const first = lanes > 1 ? 'vec2(subgroupAdd(value.x), subgroupMax(value.y))' : 'value';
  return /* wgsl */ `
var<workgroup> reducing: array<vec2<f32>, ${size / lanes}>;
fn reduced(local: u32, value: vec2<f32>) -> vec2<f32> {
  let combined = ${first};
  workgroupBarrier(); // others may still read the result of the last call
  if (local % ${lanes}u == 0u) { reducing[local / ${lanes}u] = combined; }
  workgroupBarrier();
  for (var stride = ${size / lanes / 2}u; stride > 0u; stride >>= 1u) {
    if (local < stride) {
      let a = reducing[local];
      let b = reducing[local + stride];
      reducing[local] = ${both('a', 'b')};
    }
    workgroupBarrier();
  }
  return reducing[0];
}
`;
}

/**
 * Of a row whose invocations keep what they have read: `body` for each word `k`, which is the `e`th of its invocation.
 */
export function everyWord(words: number, { size }: Group, body: string): string {
  return /* wgsl */ `
  for (var e = 0u; e < ${wordsEach(words, { size })}u; e++) {
    let k = local + e * ${size}u;
    if (k < ${words}u) { ${body} }
  }`;
}

/** Words that an invocation has at most. */
export function wordsEach(words: number, { size }: Pick<Group, 'size'>): number {
  return Math.ceil(words / size);
}

/**
 * Invocations for a row of `words` pieces: a power of two, at least a subgroup. A software adapter pays for each at
 * every barrier.
 */
export function rowGroup(words: number, subgroup: number): Group {
  let size = Math.max(16, subgroup);
  while (size < 256 && size < words) size *= 2;
  return { size, subgroup };
}
