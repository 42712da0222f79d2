/**
 * Products by `i32x4.dot_i16x8_s`, which every engine with SIMD has: one instruction serves two rows, whose weights lie
 * 2¹² apart in a 16-bit lane.
 *
 * A lane then sums S = A + 2¹²·B, where A and B are the sums of two rows over the same columns. With Q = Σ q of these
 * columns, S − 4097·Q is the same of the weights, codes − 1, and 16 columns a lane keep |A| ≤ 16·127 = 2,032 < 2¹¹: the
 * lower 12 bits are A, the rest B. So sums are taken apart every 64 columns.
 */
import { sumOf32, zero } from '../fixed-point';
import { fourSums } from './sums';

const SPLIT = 64;

/** A and B of a lane, after the 2¹² that lies between them. */
@inline
function lower(sums: v128): v128 {
  return i32x4.shr_s(i32x4.shl(sums, 20), 20);
}

@inline
function upper(sums: v128, low: v128): v128 {
  return i32x4.shr_s(i32x4.sub(sums, low), 12);
}

/** Twice four rows, one vector. */
export function baselineRows(
  one: usize,
  other: usize,
  q: usize,
  columns: i32,
  sumsOfOne: usize,
  sumsOfOther: usize,
): void {
  const mask = i16x8.splat(0x3003);
  const low8 = i16x8.splat(0x00ff);
  const ones = i16x8.splat(1);
  const end = q + columns;
  let s0 = zero();
  let s1 = zero();
  let s2 = zero();
  let s3 = zero();
  let s4 = zero();
  let s5 = zero();
  let s6 = zero();
  let s7 = zero();
  let total = zero();
  while (q < end) {
    const split = q + SPLIT;
    let a06 = zero();
    let a17 = zero();
    let a42 = zero();
    let a53 = zero();
    let sum = zero();
    do {
      const x = v128.load(q);
      const first = v128.load(one);
      const second = v128.load(other);
      for (let odd = 0; odd < 2; odd++) {
        // Lanes with one column: rows 0 … 3 in the lower byte, 4 … 7 in the upper one.
        const activations = odd ? i16x8.shr_s(x, 8) : i16x8.shr_s(i16x8.shl(x, 8), 8);
        const codes = odd
          ? v128.or(i16x8.shr_u(first, 8), v128.andnot(second, low8))
          : v128.or(v128.and(first, low8), i16x8.shl(second, 8));
        const turned = v128.or(i16x8.shl(codes, 8), i16x8.shr_u(codes, 8));
        a06 = i32x4.add(a06, i32x4.dot_i16x8_s(activations, v128.and(codes, mask)));
        a17 = i32x4.add(a17, i32x4.dot_i16x8_s(activations, v128.and(i16x8.shr_u(codes, 2), mask)));
        a42 = i32x4.add(a42, i32x4.dot_i16x8_s(activations, v128.and(turned, mask)));
        a53 = i32x4.add(a53, i32x4.dot_i16x8_s(activations, v128.and(i16x8.shr_u(turned, 2), mask)));
        sum = i32x4.add(sum, i32x4.dot_i16x8_s(activations, ones));
      }
      q += 16;
      one += 16;
      other += 16;
    } while (q < split);
    total = i32x4.add(total, sum);
    const excess = i32x4.add(i32x4.shl(sum, 12), sum);
    a06 = i32x4.sub(a06, excess);
    a17 = i32x4.sub(a17, excess);
    a42 = i32x4.sub(a42, excess);
    a53 = i32x4.sub(a53, excess);
    let part = lower(a06);
    s0 = i32x4.add(s0, part);
    s6 = i32x4.add(s6, upper(a06, part));
    part = lower(a17);
    s1 = i32x4.add(s1, part);
    s7 = i32x4.add(s7, upper(a17, part));
    part = lower(a42);
    s4 = i32x4.add(s4, part);
    s2 = i32x4.add(s2, upper(a42, part));
    part = lower(a53);
    s5 = i32x4.add(s5, part);
    s3 = i32x4.add(s3, upper(a53, part));
  }
  // The other families count codes, not weights: whoever takes the sums subtracts Σ q.
  const all = i32x4.splat(sumOf32(total));
  v128.store(sumsOfOne, i32x4.add(fourSums(s0, s1, s2, s3), all));
  v128.store(sumsOfOther, i32x4.add(fourSums(s4, s5, s6, s7), all));
}
