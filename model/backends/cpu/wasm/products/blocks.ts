/**
 * Ternary matrices times int8 vectors, in the family that this module is made for.
 *
 * A matrix comes in blocks of eight rows. Of each 32 columns a block has 32 bytes with rows 0 … 3, then 32 with rows 4
 * … 7: byte k holds column k of four rows as codes of 2 bits, w + 1, the first row lowest. So one load serves four
 * rows, and blocks are read from end to end.
 *
 * All families give Σ code·q, exactly: the sums are of integers, whatever their order. Columns are a multiple of 64,
 * |q| ≤ 127, codes 0 … 2; where columns are only padding, q is 0 and the codes are anything.
 */
import { blockBytes } from '../products';
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
  const bytes = blockBytes(columns);
  for (let k = 0; k < count; k++) {
    multiplyBlock(blocks + k * bytes, q, stride, rows, columns, sums + k * rows * sumsStride, sumsStride);
  }
}

@inline
function multiplyBlock(
  block: usize,
  q: usize,
  stride: i32,
  rows: i32,
  columns: i32,
  sums: usize,
  sumsStride: i32,
): void {
  let row = 0;
  if (FAMILY != BASELINE) {
    for (; row + 4 <= rows; row += 4) {
      if (WIDE) fourWide(block, q + row * stride, stride, columns, sums + row * sumsStride, sumsStride);
      else fourRelaxed(block, q + row * stride, stride, columns, sums + row * sumsStride, sumsStride);
    }
  }
  for (; row < rows; row++) {
    const vector = q + row * stride;
    const to = sums + row * sumsStride;
    if (FAMILY == BASELINE) baselineRows(block, vector, columns, to);
    else if (WIDE) oneWide(block, vector, columns, to);
    else oneRelaxed(block, vector, columns, to);
  }
}
