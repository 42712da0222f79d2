/**
 * The products of relaxed-rows.ts for registers of 32 bytes, which WebAssembly does not have. V8 13 and newer make one
 * operation of two neighbours where its flag `--experimental-wasm-revectorize` is set, the processor has AVX2, and it
 * finds a pair: two loads of 16 bytes that lie side by side, whatever is done to both in the same order, and the sum of
 * the two in the end. So everything here comes twice, for even and odd sixteens of columns: `a` and `b`, `x` and `y`.
 * Without the flag this is slower than relaxed-rows.ts.
 *
 * One pass serves eight rows: the sums of a pair take one register, so eight pairs and what multiplies fit sixteen.
 */
import { zero } from '../fixed-point';
import { dot, endOfPart, ROOM_FOR_2, ROOM_FOR_8, widen } from './dot';
import { RELAXED_16 } from './families';
import { fourSums, fourSumsWithScale, highMask, lowMask } from './sums';

/** Two sums of one row: V8 begins to look for pairs here. */
@inline
function join(a: v128, b: v128): v128 {
  return i32x4.add(a, b);
}

/** Twice four rows, one vector; 32 columns a turn. */
export function oneWide(
  one: usize,
  other: usize,
  q: usize,
  columns: i32,
  sumsOfOne: usize,
  sumsOfOther: usize,
): void {
  const low = lowMask();
  const high = highMask();
  const end = q + columns;
  let s0 = zero();
  let s1 = zero();
  let s2 = zero();
  let s3 = zero();
  let s4 = zero();
  let s5 = zero();
  let s6 = zero();
  let s7 = zero();
  let t0 = zero();
  let t1 = zero();
  let t2 = zero();
  let t3 = zero();
  let t4 = zero();
  let t5 = zero();
  let t6 = zero();
  let t7 = zero();
  do {
    const part = endOfPart(q, end, 2 * ROOM_FOR_8);
    let a0 = zero();
    let a1 = zero();
    let a2 = zero();
    let a3 = zero();
    let a4 = zero();
    let a5 = zero();
    let a6 = zero();
    let a7 = zero();
    let b0 = zero();
    let b1 = zero();
    let b2 = zero();
    let b3 = zero();
    let b4 = zero();
    let b5 = zero();
    let b6 = zero();
    let b7 = zero();
    do {
      const x = v128.load(q);
      const y = v128.load(q, 16);
      let even = v128.load(one);
      let odd = v128.load(one, 16);
      a0 = dot(a0, x, v128.and(even, low));
      b0 = dot(b0, y, v128.and(odd, low));
      a1 = dot(a1, x, v128.and(even, high));
      b1 = dot(b1, y, v128.and(odd, high));
      even = i16x8.shr_u(even, 4);
      odd = i16x8.shr_u(odd, 4);
      a2 = dot(a2, x, v128.and(even, low));
      b2 = dot(b2, y, v128.and(odd, low));
      a3 = dot(a3, x, v128.and(even, high));
      b3 = dot(b3, y, v128.and(odd, high));
      even = v128.load(other);
      odd = v128.load(other, 16);
      a4 = dot(a4, x, v128.and(even, low));
      b4 = dot(b4, y, v128.and(odd, low));
      a5 = dot(a5, x, v128.and(even, high));
      b5 = dot(b5, y, v128.and(odd, high));
      even = i16x8.shr_u(even, 4);
      odd = i16x8.shr_u(odd, 4);
      a6 = dot(a6, x, v128.and(even, low));
      b6 = dot(b6, y, v128.and(odd, low));
      a7 = dot(a7, x, v128.and(even, high));
      b7 = dot(b7, y, v128.and(odd, high));
      q += 32;
      one += 32;
      other += 32;
    } while (q < part);
    s0 = widen(s0, a0);
    t0 = widen(t0, b0);
    s1 = widen(s1, a1);
    t1 = widen(t1, b1);
    s2 = widen(s2, a2);
    t2 = widen(t2, b2);
    s3 = widen(s3, a3);
    t3 = widen(t3, b3);
    s4 = widen(s4, a4);
    t4 = widen(t4, b4);
    s5 = widen(s5, a5);
    t5 = widen(t5, b5);
    s6 = widen(s6, a6);
    t6 = widen(t6, b6);
    s7 = widen(s7, a7);
    t7 = widen(t7, b7);
  } while (FAMILY == RELAXED_16 && q < end);
  v128.store(sumsOfOne, fourSumsWithScale(join(s0, t0), join(s1, t1), join(s2, t2), join(s3, t3)));
  v128.store(sumsOfOther, fourSumsWithScale(join(s4, t4), join(s5, t5), join(s6, t6), join(s7, t7)));
}

/** Four rows, four vectors: two rows at a time, whose codes are taken apart once for all vectors. */
export function fourWide(codes: usize, q: usize, stride: i32, columns: i32, sums: usize, sumsStride: i32): void {
  twoRows(codes, 0, q, stride, columns, sums, sumsStride);
  twoRows(codes, 4, q, stride, columns, sums + 8, sumsStride);
}

/** @param shift of the codes */
function twoRows(
  codes: usize,
  shift: i32,
  q: usize,
  stride: i32,
  columns: i32,
  sums: usize,
  sumsStride: i32,
): void {
  const mask = lowMask();
  const end = q + columns;
  let s0 = zero();
  let s1 = zero();
  let s2 = zero();
  let s3 = zero();
  let s4 = zero();
  let s5 = zero();
  let s6 = zero();
  let s7 = zero();
  let t0 = zero();
  let t1 = zero();
  let t2 = zero();
  let t3 = zero();
  let t4 = zero();
  let t5 = zero();
  let t6 = zero();
  let t7 = zero();
  do {
    const part = endOfPart(q, end, 2 * ROOM_FOR_2);
    let a0 = zero();
    let a1 = zero();
    let a2 = zero();
    let a3 = zero();
    let a4 = zero();
    let a5 = zero();
    let a6 = zero();
    let a7 = zero();
    let b0 = zero();
    let b1 = zero();
    let b2 = zero();
    let b3 = zero();
    let b4 = zero();
    let b5 = zero();
    let b6 = zero();
    let b7 = zero();
    do {
      const even = i16x8.shr_u(v128.load(codes), shift);
      const odd = i16x8.shr_u(v128.load(codes, 16), shift);
      const evenLow = v128.and(even, mask);
      const oddLow = v128.and(odd, mask);
      const evenHigh = v128.and(i16x8.shr_u(even, 2), mask);
      const oddHigh = v128.and(i16x8.shr_u(odd, 2), mask);
      let x = v128.load(q);
      let y = v128.load(q, 16);
      a0 = dot(a0, x, evenLow);
      b0 = dot(b0, y, oddLow);
      a1 = dot(a1, x, evenHigh);
      b1 = dot(b1, y, oddHigh);
      x = v128.load(q + stride);
      y = v128.load(q + stride, 16);
      a2 = dot(a2, x, evenLow);
      b2 = dot(b2, y, oddLow);
      a3 = dot(a3, x, evenHigh);
      b3 = dot(b3, y, oddHigh);
      x = v128.load(q + 2 * stride);
      y = v128.load(q + 2 * stride, 16);
      a4 = dot(a4, x, evenLow);
      b4 = dot(b4, y, oddLow);
      a5 = dot(a5, x, evenHigh);
      b5 = dot(b5, y, oddHigh);
      x = v128.load(q + 3 * stride);
      y = v128.load(q + 3 * stride, 16);
      a6 = dot(a6, x, evenLow);
      b6 = dot(b6, y, oddLow);
      a7 = dot(a7, x, evenHigh);
      b7 = dot(b7, y, oddHigh);
      q += 32;
      codes += 32;
    } while (q < part);
    s0 = widen(s0, a0);
    t0 = widen(t0, b0);
    s1 = widen(s1, a1);
    t1 = widen(t1, b1);
    s2 = widen(s2, a2);
    t2 = widen(t2, b2);
    s3 = widen(s3, a3);
    t3 = widen(t3, b3);
    s4 = widen(s4, a4);
    t4 = widen(t4, b4);
    s5 = widen(s5, a5);
    t5 = widen(t5, b5);
    s6 = widen(s6, a6);
    t6 = widen(t6, b6);
    s7 = widen(s7, a7);
    t7 = widen(t7, b7);
  } while (FAMILY == RELAXED_16 && q < end);
  const first = fourSums(join(s0, t0), join(s1, t1), join(s2, t2), join(s3, t3));
  const second = fourSums(join(s4, t4), join(s5, t5), join(s6, t6), join(s7, t7));
  const next = sums + sumsStride;
  const afterNext = next + sumsStride;
  v128.store64_lane(sums, first, 0);
  v128.store64_lane(next, first, 1);
  v128.store64_lane(afterNext, second, 0);
  v128.store64_lane(afterNext + sumsStride, second, 1);
}
