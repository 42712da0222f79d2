/**
 * Products by relaxed SIMD, exact in every engine: the operand of 7 bits is a code of at most 8, and a pair of products is at most 2·127·8 = 2,032
 * in magnitude, so nothing saturates 16 bits.
 *
 * RELAXED_16 (`i16x8.relaxed_dot_i8x16_i7x16_s`) keeps its sums in 16 bits for 256 columns: 16 pairs, 16·2,032 = 32,512. RELAXED_32
 * (`i32x4.relaxed_dot_i8x16_i7x16_add_s`) is one instruction where the processor has VNNI, with sums of 32 bits. V8 of Node 20 is wrong there: its
 * baseline compiler loses the accumulator.
 */
import { zero } from './fixed-point';
import { RELAXED_16 } from './families';
import { fourSumsWithScale, highMask, lowMask } from './product-sums';

/** Columns that a sum has room for. */
@inline
function split(columns: i32): i32 {
  return FAMILY == RELAXED_16 ? min(columns, 256) : columns;
}

@inline
function dot(sums: v128, q: v128, codes: v128): v128 {
  return FAMILY == RELAXED_16
    ? i16x8.add(sums, i16x8.relaxed_dot_i8x16_i7x16_s(q, codes))
    : i32x4.relaxed_dot_i8x16_i7x16_add_s(q, codes, sums);
}

/** Adds what {@link dot} has summed. */
@inline
function widen(sums: v128, part: v128): v128 {
  return i32x4.add(sums, FAMILY == RELAXED_16 ? i32x4.extadd_pairwise_i16x8_s(part) : part);
}

/** Eight rows, one vector. */
export function oneRelaxed(block: usize, q: usize, columns: i32, sums: usize): void {
  const low = lowMask();
  const high = highMask();
  const step = split(columns);
  const end = q + columns;
  let s0 = zero();
  let s1 = zero();
  let s2 = zero();
  let s3 = zero();
  let s4 = zero();
  let s5 = zero();
  let s6 = zero();
  let s7 = zero();
  while (q < end) {
    const part = min(q + step, end);
    let a0 = zero();
    let a1 = zero();
    let a2 = zero();
    let a3 = zero();
    let a4 = zero();
    let a5 = zero();
    let a6 = zero();
    let a7 = zero();
    do {
      const x = v128.load(q);
      const first = v128.load(block);
      const second = v128.load(block, 16);
      const upper = i16x8.shr_u(first, 4);
      const upperOfSecond = i16x8.shr_u(second, 4);
      a0 = dot(a0, x, v128.and(first, low));
      a1 = dot(a1, x, v128.and(first, high));
      a2 = dot(a2, x, v128.and(upper, low));
      a3 = dot(a3, x, v128.and(upper, high));
      a4 = dot(a4, x, v128.and(second, low));
      a5 = dot(a5, x, v128.and(second, high));
      a6 = dot(a6, x, v128.and(upperOfSecond, low));
      a7 = dot(a7, x, v128.and(upperOfSecond, high));
      // Twice a turn: columns are a multiple of 64.
      const y = v128.load(q, 16);
      const third = v128.load(block, 32);
      const fourth = v128.load(block, 48);
      const upperOfThird = i16x8.shr_u(third, 4);
      const upperOfFourth = i16x8.shr_u(fourth, 4);
      a0 = dot(a0, y, v128.and(third, low));
      a1 = dot(a1, y, v128.and(third, high));
      a2 = dot(a2, y, v128.and(upperOfThird, low));
      a3 = dot(a3, y, v128.and(upperOfThird, high));
      a4 = dot(a4, y, v128.and(fourth, low));
      a5 = dot(a5, y, v128.and(fourth, high));
      a6 = dot(a6, y, v128.and(upperOfFourth, low));
      a7 = dot(a7, y, v128.and(upperOfFourth, high));
      q += 32;
      block += 64;
    } while (q < part);
    s0 = widen(s0, a0);
    s1 = widen(s1, a1);
    s2 = widen(s2, a2);
    s3 = widen(s3, a3);
    s4 = widen(s4, a4);
    s5 = widen(s5, a5);
    s6 = widen(s6, a6);
    s7 = widen(s7, a7);
  }
  v128.store(sums, fourSumsWithScale(s0, s1, s2, s3));
  v128.store(sums, fourSumsWithScale(s4, s5, s6, s7), 16);
}

/** Eight rows, four vectors: two rows at a time, so that the eight sums stay in registers, and codes are taken apart once for all vectors. */
export function fourRelaxed(block: usize, q: usize, stride: i32, columns: i32, sums: usize, sumsStride: i32): void {
  const low = lowMask();
  const high = highMask();
  const step = split(columns);
  const next = sums + sumsStride;
  const afterNext = next + sumsStride;
  const last = afterNext + sumsStride;
  for (let pair = 0; pair < 4; pair++) {
    const shift = (pair & 1) * 4;
    let codes = block + (pair >> 1) * 16;
    let p = q;
    const end = q + columns;
    let s0 = zero();
    let s1 = zero();
    let s2 = zero();
    let s3 = zero();
    let s4 = zero();
    let s5 = zero();
    let s6 = zero();
    let s7 = zero();
    while (p < end) {
      const part = min(p + step, end);
      let a0 = zero();
      let a1 = zero();
      let a2 = zero();
      let a3 = zero();
      let a4 = zero();
      let a5 = zero();
      let a6 = zero();
      let a7 = zero();
      do {
        const both = i16x8.shr_u(v128.load(codes), shift);
        const even = v128.and(both, low);
        const odd = v128.and(both, high);
        let x = v128.load(p);
        a0 = dot(a0, x, even);
        a1 = dot(a1, x, odd);
        x = v128.load(p + stride);
        a2 = dot(a2, x, even);
        a3 = dot(a3, x, odd);
        x = v128.load(p + 2 * stride);
        a4 = dot(a4, x, even);
        a5 = dot(a5, x, odd);
        x = v128.load(p + 3 * stride);
        a6 = dot(a6, x, even);
        a7 = dot(a7, x, odd);
        p += 16;
        codes += 32;
      } while (p < part);
      s0 = widen(s0, a0);
      s1 = widen(s1, a1);
      s2 = widen(s2, a2);
      s3 = widen(s3, a3);
      s4 = widen(s4, a4);
      s5 = widen(s5, a5);
      s6 = widen(s6, a6);
      s7 = widen(s7, a7);
    }
    const first = fourSumsWithScale(s0, s1, s2, s3);
    const second = fourSumsWithScale(s4, s5, s6, s7);
    v128.store64_lane(sums + 8 * pair, first, 0);
    v128.store64_lane(next + 8 * pair, first, 1);
    v128.store64_lane(afterNext + 8 * pair, second, 0);
    v128.store64_lane(last + 8 * pair, second, 1);
  }
}
