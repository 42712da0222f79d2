/**
 * Products by relaxed SIMD, exact in every engine: the operand of 7 bits is a code of at most 8, and a pair of products
 * is at most 2·127·8 = 2,032 in magnitude, so nothing saturates 16 bits.
 *
 * RELAXED_16 (`i16x8.relaxed_dot_i8x16_i7x16_s`) keeps its sums in 16 bits for 16 such pairs, 16·2,032 = 32,512, or 64
 * where codes are at most 2. RELAXED_32 (`i32x4.relaxed_dot_i8x16_i7x16_add_s`) is one instruction where the processor
 * has VNNI, with sums of 32 bits. V8 of Node 20 is wrong there: its baseline compiler loses the accumulator.
 */
import { RELAXED_16 } from './families';

/** Columns that a vector of 16-bit sums has room for: a pair a lane takes 16. */
export const ROOM_FOR_8: i32 = 16 * 16;
/** Where codes are at most 2. */
export const ROOM_FOR_2: i32 = 64 * 16;

@inline
export function dot(sums: v128, q: v128, codes: v128): v128 {
  return FAMILY == RELAXED_16
    ? i16x8.add(sums, i16x8.relaxed_dot_i8x16_i7x16_s(q, codes))
    : i32x4.relaxed_dot_i8x16_i7x16_add_s(q, codes, sums);
}

/** Where sums must be widened, with `q` the next column; `room` in columns. */
@inline
export function endOfPart(q: usize, end: usize, room: i32): usize {
  return FAMILY == RELAXED_16 ? min(q + room, end) : end;
}

/** Adds what {@link dot} has summed in a part; with sums of 32 bits there is only one. */
@inline
export function widen(sums: v128, part: v128): v128 {
  return FAMILY == RELAXED_16 ? i32x4.add(sums, i32x4.extadd_pairwise_i16x8_s(part)) : part;
}
