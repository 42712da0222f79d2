/** From accumulators with a row each to lanes with a row each. */
import { MASKS } from '../../layout';

/** Lane r is the sum of the lanes of vector r. */
@inline
export function fourSums(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = i32x4.add(v128.shuffle<i32>(a, b, 0, 4, 1, 5), v128.shuffle<i32>(a, b, 2, 6, 3, 7));
  const cd = i32x4.add(v128.shuffle<i32>(c, d, 0, 4, 1, 5), v128.shuffle<i32>(c, d, 2, 6, 3, 7));
  return i32x4.add(v128.shuffle<i32>(ab, cd, 0, 1, 4, 5), v128.shuffle<i32>(ab, cd, 2, 3, 6, 7));
}

/** As {@link fourSums}, where the odd rows were four times as large. */
@inline
export function fourSumsWithScale(a: v128, b: v128, c: v128, d: v128): v128 {
  const sums = fourSums(a, b, c, d);
  return v128.shuffle<i32>(sums, i32x4.shr_s(sums, 2), 0, 5, 2, 7);
}

/** Four times as many lanes with 3. From memory: constants would be made anew in every turn of a loop. */
@inline
export function lowMask(): v128 {
  return v128.load(load<u32>(MASKS));
}

@inline
export function highMask(): v128 {
  return v128.load(load<u32>(MASKS), 16);
}
