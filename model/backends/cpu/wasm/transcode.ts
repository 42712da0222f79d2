/**
 * From the image's five weights in a byte to four (docs/IMAGE.md, section 4; products.ts). A module of its own: who
 * loads an image needs no other.
 *
 * Forty rows at a time: eight groups of five become ten fours, the last row first. A digit of a byte is how often its
 * power of three can be taken off, at most twice, so that two comparisons give it, and what is left has the others.
 */

const GROUPS = 8;
const ROWS_OF_GROUP = 5;
/** Five times the code 1: five weights of 0. */
const NO_WEIGHTS: i8 = 121;
/** Bytes are compared as signed ones. */
const OFFSET: i32 = 128;
/** Of each digit: what is below its power, what is below two of them, and one less, sixteen times each. */
const DIGIT_BYTES = 48;

/**
 * @param from the bytes of `groups` groups, at most 8; up to 15 of what lies behind them count as theirs
 * @param columns bytes of a group
 * @param to the first four
 * @param fours fours that there are; nothing is written behind them
 * @param fourBytes from one four to the next
 * @param scratch 240 bytes
 * @returns the largest byte: above 242 it is no five weights
 */
export function transcode(
  from: usize,
  groups: i32,
  columns: i32,
  to: usize,
  fours: i32,
  fourBytes: i32,
  scratch: usize,
): i32 {
  writeDigits(scratch);
  const offset = i8x16.splat(OFFSET as i8);
  let largest = i8x16.splat(0);
  for (let column = 0; column < columns; column += 16) {
    let codes = i8x16.splat(0);
    for (let group = GROUPS - 1; group >= 0; group--) {
      const bytes = group < groups ? v128.load(from + group * columns + column) : i8x16.splat(NO_WEIGHTS);
      largest = i8x16.max_u(largest, bytes);
      let rest = v128.xor(bytes, offset);
      for (let digit = ROWS_OF_GROUP - 1; digit >= 0; digit--) {
        const at = scratch + DIGIT_BYTES * digit;
        const once = i8x16.gt_s(rest, v128.load(at));
        const twice = i8x16.gt_s(rest, v128.load(at, 16));
        const less = v128.load(at, 32);
        rest = i8x16.add(rest, i8x16.add(v128.and(once, less), v128.and(twice, less)));
        // Codes are below 4, so four of them stay in their byte.
        codes = i8x16.sub(i16x8.shl(codes, 2), i8x16.add(once, twice));
        const row = ROWS_OF_GROUP * group + digit;
        if ((row & 3) == 0) {
          if (row >> 2 < fours) v128.store(to + (row >> 2) * fourBytes + column, codes);
          codes = i8x16.splat(0);
        }
      }
    }
  }
  return largestOf(largest);
}

/** From memory: constants would be made anew in every turn of a loop. */
function writeDigits(to: usize): void {
  let power = 1;
  for (let digit = 0; digit < ROWS_OF_GROUP; digit++) {
    v128.store(to, i8x16.splat((power - 1 - OFFSET) as i8));
    v128.store(to, i8x16.splat((2 * power - 1 - OFFSET) as i8), 16);
    v128.store(to, i8x16.splat(-power as i8), 32);
    to += DIGIT_BYTES;
    power *= 3;
  }
}

@inline
function largestOf(bytes: v128): i32 {
  let largest = i8x16.max_u(bytes, v128.shuffle<i64>(bytes, bytes, 1, 0));
  for (let shift = 32; shift >= 8; shift >>= 1) largest = i8x16.max_u(largest, i64x2.shr_u(largest, shift));
  return i8x16.extract_lane_u(largest, 0);
}
