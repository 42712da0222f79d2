/**
 * Rows by relaxed SIMD, in registers of 16 bytes.
 *
 * A turn of a loop keeps eight sums: the instruction takes four clocks, and two begin in each. More does not fit x64's
 * sixteen vector registers: sixteen products a turn, with eight wider sums beside them, made V8 keep some in memory,
 * and took half as long again.
 */
import { zero } from '../fixed-point';
import { dot, endOfPart, ROOM_FOR_2, ROOM_FOR_8, widen } from './dot';
import { RELAXED_16 } from './families';
import { fourSums, fourSumsWithScale, highMask, lowMask } from './sums';

/** Two sums of one row. */
@inline
function join(a: v128, b: v128): v128 {
  return FAMILY == RELAXED_16 ? i16x8.add(a, b) : i32x4.add(a, b);
}

/** Four rows, one vector; 32 columns a turn, each sixteen in sums of its own. */
export function oneRelaxed(codes: usize, q: usize, columns: i32, sums: usize): void {
  const low = lowMask();
  const high = highMask();
  const end = q + columns;
  let s0 = zero();
  let s1 = zero();
  let s2 = zero();
  let s3 = zero();
  do {
    const part = endOfPart(q, end, ROOM_FOR_8);
    let a0 = zero();
    let a1 = zero();
    let a2 = zero();
    let a3 = zero();
    let b0 = zero();
    let b1 = zero();
    let b2 = zero();
    let b3 = zero();
    do {
      let x = v128.load(q);
      let four = v128.load(codes);
      a0 = dot(a0, x, v128.and(four, low));
      a1 = dot(a1, x, v128.and(four, high));
      four = i16x8.shr_u(four, 4);
      a2 = dot(a2, x, v128.and(four, low));
      a3 = dot(a3, x, v128.and(four, high));
      x = v128.load(q, 16);
      four = v128.load(codes, 16);
      b0 = dot(b0, x, v128.and(four, low));
      b1 = dot(b1, x, v128.and(four, high));
      four = i16x8.shr_u(four, 4);
      b2 = dot(b2, x, v128.and(four, low));
      b3 = dot(b3, x, v128.and(four, high));
      q += 32;
      codes += 32;
    } while (q < part);
    s0 = widen(s0, join(a0, b0));
    s1 = widen(s1, join(a1, b1));
    s2 = widen(s2, join(a2, b2));
    s3 = widen(s3, join(a3, b3));
  } while (FAMILY == RELAXED_16 && q < end);
  v128.store(sums, fourSumsWithScale(s0, s1, s2, s3));
}

/** Four rows, four vectors: two rows at a time, whose codes are taken apart once for all vectors. */
export function fourRelaxed(codes: usize, q: usize, stride: i32, columns: i32, sums: usize, sumsStride: i32): void {
  twoRows(codes, 0, q, stride, columns, sums, sumsStride);
  twoRows(codes, 4, q, stride, columns, sums + 8, sumsStride);
}

/** @param shift a constant, so that it costs nothing where it is 0 */
@inline
function twoRows(
  block: usize,
  shift: i32,
  vector: usize,
  stride: i32,
  columns: i32,
  sums: usize,
  sumsStride: i32,
): void {
  const mask = lowMask();
  let codes = block;
  let q = vector;
  const end = q + columns;
  let s0 = zero();
  let s1 = zero();
  let s2 = zero();
  let s3 = zero();
  let s4 = zero();
  let s5 = zero();
  let s6 = zero();
  let s7 = zero();
  do {
    const part = endOfPart(q, end, ROOM_FOR_2);
    let a0 = zero();
    let a1 = zero();
    let a2 = zero();
    let a3 = zero();
    let a4 = zero();
    let a5 = zero();
    let a6 = zero();
    let a7 = zero();
    do {
      const four = v128.load(codes);
      const both = shift == 0 ? four : i16x8.shr_u(four, shift);
      const even = v128.and(both, mask);
      const odd = v128.and(i16x8.shr_u(four, shift + 2), mask);
      let x = v128.load(q);
      a0 = dot(a0, x, even);
      a1 = dot(a1, x, odd);
      x = v128.load(q + stride);
      a2 = dot(a2, x, even);
      a3 = dot(a3, x, odd);
      x = v128.load(q + 2 * stride);
      a4 = dot(a4, x, even);
      a5 = dot(a5, x, odd);
      x = v128.load(q + 3 * stride);
      a6 = dot(a6, x, even);
      a7 = dot(a7, x, odd);
      q += 16;
      codes += 16;
    } while (q < part);
    s0 = widen(s0, a0);
    s1 = widen(s1, a1);
    s2 = widen(s2, a2);
    s3 = widen(s3, a3);
    s4 = widen(s4, a4);
    s5 = widen(s5, a5);
    s6 = widen(s6, a6);
    s7 = widen(s7, a7);
  } while (FAMILY == RELAXED_16 && q < end);
  const first = fourSums(s0, s1, s2, s3);
  const second = fourSums(s4, s5, s6, s7);
  const next = sums + sumsStride;
  const afterNext = next + sumsStride;
  v128.store64_lane(sums, first, 0);
  v128.store64_lane(next, first, 1);
  v128.store64_lane(afterNext, second, 0);
  v128.store64_lane(afterNext + sumsStride, second, 1);
}
