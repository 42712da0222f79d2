/**
 * From the image's five weights in a byte to four (docs/IMAGE.md, section 4; products.ts). A module of its own: who
 * loads an image needs no other.
 *
 * Forty rows at a time: eight groups of five become five blocks of eight.
 */

const GROUPS = 8;
const ROWS_OF_GROUP = 5;
const BLOCKS = 5;
/** Five times the code 1: five weights of 0. */
const NO_WEIGHTS: i8 = 121;

/**
 * @param from the bytes of `groups` groups, at most 8; up to 15 of what lies behind them count as theirs
 * @param columns bytes of a group
 * @param to the first block
 * @param blocks blocks that there are, at most 5
 * @param blockBytes from one block to the next
 * @param scratch 640 bytes
 * @returns the largest byte: above 242 it is no five weights
 */
export function transcode(
  from: usize,
  groups: i32,
  columns: i32,
  to: usize,
  blocks: i32,
  blockBytes: i32,
  scratch: usize,
): i32 {
  let largest = i8x16.splat(0);
  for (let column = 0; column < columns; column += 16) {
    for (let group = 0; group < groups; group++) {
      const bytes = v128.load(from + group * columns + column);
      largest = i8x16.max_u(largest, bytes);
      takeApart(bytes, scratch + 16 * ROWS_OF_GROUP * group);
    }
    for (let group = groups; group < GROUPS; group++) {
      takeApart(i8x16.splat(NO_WEIGHTS), scratch + 16 * ROWS_OF_GROUP * group);
    }
    for (let block = 0; block < min(blocks, BLOCKS); block++) {
      const codes = scratch + 128 * block;
      const at = to + block * blockBytes + column;
      v128.store(at, fourRows(codes));
      v128.store(at + (blockBytes >> 1), fourRows(codes + 64));
    }
  }
  return largestOf(largest);
}

/** Base-3 digits of 16 bytes up to 242, the lowest first: ⌊b / 3⌋ = (171·b) >> 9, in 16 bits. */
@inline
function takeApart(bytes: v128, digits: usize): void {
  let low = i16x8.extend_low_i8x16_u(bytes);
  let high = i16x8.extend_high_i8x16_u(bytes);
  const third = i16x8.splat(171);
  const three = i16x8.splat(3);
  for (let digit = 0; digit < ROWS_OF_GROUP; digit++) {
    const lowRest = i16x8.shr_u(i16x8.mul(low, third), 9);
    const highRest = i16x8.shr_u(i16x8.mul(high, third), 9);
    v128.store(
      digits + 16 * digit,
      i8x16.narrow_i16x8_u(i16x8.sub(low, i16x8.mul(lowRest, three)), i16x8.sub(high, i16x8.mul(highRest, three))),
    );
    low = lowRest;
    high = highRest;
  }
}

/** Bits 0 … 7 of each lane: the codes of four rows. Codes are below 4, so shifts of 16 bits take nothing across. */
@inline
function fourRows(codes: usize): v128 {
  const first = v128.or(v128.load(codes), i16x8.shl(v128.load(codes, 16), 2));
  const second = v128.or(i16x8.shl(v128.load(codes, 32), 4), i16x8.shl(v128.load(codes, 48), 6));
  return v128.or(first, second);
}

@inline
function largestOf(bytes: v128): i32 {
  let largest = i8x16.max_u(bytes, v128.shuffle<i64>(bytes, bytes, 1, 0));
  for (let shift = 32; shift >= 8; shift >>= 1) largest = i8x16.max_u(largest, i64x2.shr_u(largest, shift));
  return i8x16.extract_lane_u(largest, 0);
}
