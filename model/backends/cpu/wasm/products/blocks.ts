/**
 * Ternary matrices times int8 vectors, in the family that this module is made for.
 *
 * A matrix comes four rows at a time: byte k holds column k of all four as codes of 2 bits, w + 1, the first row
 * lowest. Two such fours are a block.
 *
 * Blocks that are multiplied together by one vector are read at two places at once, at their first half and at their
 * second one: a processor fetches a page of memory ahead, but not the next one, so each page begins with a wait. This
 * way there are two pages to a wait. Several vectors take long enough to fetch ahead from one place.
 *
 * All families give Σ code·q, exactly: the sums are of integers, whatever their order. Columns are a multiple of 64,
 * |q| ≤ 127, codes 0 … 2; where columns are only padding, q is 0 and the codes are anything.
 */
import { baselineRows } from './baseline-rows';
import { BASELINE } from './families';
import { fourRelaxed, oneRelaxed } from './relaxed-rows';
import { fourWide, oneWide } from './wide-rows';

/**
 * Blocks times the vectors of `rows` tokens.
 *
 * @param q the first vector, `stride` bytes before the next
 * @param sums int32 [count][rows][8], `sumsStride` bytes from one row to the next
 */
export function multiplyBlocks(
  blocks: usize,
  count: i32,
  q: usize,
  stride: i32,
  rows: i32,
  columns: i32,
  sums: usize,
  sumsStride: i32,
): void {
  const blockStride = rows * sumsStride;
  const together = FAMILY == BASELINE ? 0 : rows & -4;
  if (together > 0) {
    for (let four = 0; four < 2 * count; four++) {
      const to = sumsOf(sums, four, blockStride);
      for (let row = 0; row < together; row += 4) {
        multiplyFour(blocks + four * columns, q + row * stride, stride, columns, to + row * sumsStride, sumsStride);
      }
    }
  }
  for (let four = 0; four < count; four++) {
    const one = blocks + four * columns;
    const other = one + count * columns;
    const sumsOfOne = sumsOf(sums, four, blockStride);
    const sumsOfOther = sumsOf(sums, four + count, blockStride);
    for (let row = together; row < rows; row++) {
      const to = row * sumsStride;
      multiplyTwice(one, other, q + row * stride, columns, sumsOfOne + to, sumsOfOther + to);
    }
  }
}

@inline
function sumsOf(sums: usize, four: i32, blockStride: i32): usize {
  return sums + (four >> 1) * blockStride + 16 * (four & 1);
}

/** Four rows, four vectors. */
@inline
function multiplyFour(codes: usize, q: usize, stride: i32, columns: i32, sums: usize, sumsStride: i32): void {
  if (WIDE) fourWide(codes, q, stride, columns, sums, sumsStride);
  else fourRelaxed(codes, q, stride, columns, sums, sumsStride);
}

/** Twice four rows, one vector. */
@inline
function multiplyTwice(
  one: usize,
  other: usize,
  q: usize,
  columns: i32,
  sumsOfOne: usize,
  sumsOfOther: usize,
): void {
  if (FAMILY == BASELINE) return baselineRows(one, other, q, columns, sumsOfOne, sumsOfOther);
  if (WIDE) return oneWide(one, other, q, columns, sumsOfOne, sumsOfOther);
  oneRelaxed(one, q, columns, sumsOfOne);
  oneRelaxed(other, q, columns, sumsOfOther);
}
