/** Primitives of docs/ARITHMETIC.md, section 1, on four int32 at a time. */

@inline
export function zero(): v128 {
  return i32x4.splat(0);
}

/** Saturates to 16 bits. */
@inline
export function sat16(a: v128): v128 {
  return i32x4.max_s(i32x4.min_s(a, i32x4.splat(32767)), i32x4.splat(-32768));
}

/** Saturates to 31 bits. */
@inline
export function sat31(a: v128): v128 {
  return i32x4.max_s(i32x4.min_s(a, i32x4.splat(0x3fffffff)), i32x4.splat(-0x40000000));
}

/**
 * ⌊(a + 2^(s−1)) / 2^s⌋ for s ≥ 0; 0 for s > 31. The half is the bit below the last one kept: adding it first could
 * overflow.
 */
@inline
export function roundShift(a: v128, s: i32): v128 {
  if (s == 0) return a;
  if (s > 31) return zero();
  return i32x4.add(i32x4.shr_s(a, s), v128.and(i32x4.shr_u(a, s - 1), i32x4.splat(1)));
}

/** ⌊(a·b + 2¹⁴) / 2¹⁵⌋ for int32 `a` and −32767 ≤ b ≤ 32767, by two products that fit 32 bits. */
@inline
export function mul15(a: v128, b: v128): v128 {
  const high = i32x4.mul(i32x4.shr_s(a, 16), b);
  const low = i32x4.mul(v128.and(a, i32x4.splat(0xffff)), b);
  return i32x4.add(i32x4.shl(high, 1), i32x4.shr_s(i32x4.add(low, i32x4.splat(0x4000)), 15));
}

/**
 * a·b for a 16-bit `a` and 0 ≤ b ≤ 32767, both in 32 bits: the upper halves of `b` are zero, so the pairs of the dot
 * product are single.
 */
@inline
export function mul16(a: v128, b: v128): v128 {
  return i32x4.dot_i16x8_s(a, b);
}

/**
 * The sum of squares of eight int16 in two unsigned 32-bit pairs, added to two 64-bit sums. A pair of −32768 has 2³¹,
 * which is no negative number.
 */
@inline
export function addSquares(sums: v128, n: v128): v128 {
  const pairs = i32x4.dot_i16x8_s(n, n);
  return i64x2.add(sums, i64x2.add(i64x2.extend_low_i32x4_u(pairs), i64x2.extend_high_i32x4_u(pairs)));
}

@inline
export function sumOf64(sums: v128): i64 {
  return i64x2.extract_lane(sums, 0) + i64x2.extract_lane(sums, 1);
}

@inline
export function sumOf32(a: v128): i32 {
  const halves = i32x4.add(a, v128.shuffle<i32>(a, a, 2, 3, 0, 1));
  return i32x4.extract_lane(halves, 0) + i32x4.extract_lane(halves, 1);
}

@inline
export function maximumOf(a: v128): i32 {
  const halves = i32x4.max_s(a, v128.shuffle<i32>(a, a, 2, 3, 0, 1));
  return max(i32x4.extract_lane(halves, 0), i32x4.extract_lane(halves, 1));
}

@inline
export function bitLength(a: i32): i32 {
  return 32 - <i32>clz(a);
}
