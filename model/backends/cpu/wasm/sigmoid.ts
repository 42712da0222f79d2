/** The sigmoid of docs/ARITHMETIC.md, section 3, for four values at a time. */
import { SIGMA } from '../layout';
import { mul16, sat16 } from './fixed-point';

/** Q8 to Q11, saturating at ±16. */
@inline
export function up3(p: v128): v128 {
  return sat16(i32x4.shl(p, 3));
}

/** σ(p) in Q15, 1 … 32767, for 16-bit `p` in Q11. */
@inline
export function sigmoid(p: v128): v128 {
  const magnitude = i32x4.min_s(i32x4.abs(p), i32x4.splat(32767));
  const pairs = twoEntries(i32x4.shl(i32x4.shr_u(magnitude, 7), 1));
  const left = v128.and(pairs, i32x4.splat(0xffff));
  // The table rises: neither factor is negative.
  const step = mul16(i32x4.sub(i32x4.shr_u(pairs, 16), left), v128.and(magnitude, i32x4.splat(127)));
  const y = i32x4.add(left, i32x4.shr_s(i32x4.add(step, i32x4.splat(64)), 7));
  return v128.bitselect(i32x4.sub(i32x4.splat(32768), y), y, i32x4.shr_s(p, 31));
}

/** SIGMA[j] and SIGMA[j + 1], one load each. @param offsets 2·j */
@inline
function twoEntries(offsets: v128): v128 {
  const table: usize = load<u32>(SIGMA);
  let pairs = v128.load32_zero(table + <u32>i32x4.extract_lane(offsets, 0));
  pairs = v128.load_lane<u32>(table + <u32>i32x4.extract_lane(offsets, 1), pairs, 1);
  pairs = v128.load_lane<u32>(table + <u32>i32x4.extract_lane(offsets, 2), pairs, 2);
  return v128.load_lane<u32>(table + <u32>i32x4.extract_lane(offsets, 3), pairs, 3);
}
