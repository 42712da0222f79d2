/**
 * Ternary matrices times int8 vectors, in the family that this module is made for.
 *
 * A matrix comes in blocks of eight rows. Of each 16 columns a block has 16 bytes with rows 0 … 3, then 16 with rows 4
 * … 7: byte k holds column k of four rows as codes of 2 bits, w + 1, the first row lowest. So one load serves four
 * rows, and blocks are read from end to end.
 *
 * All families give Σ code·q, exactly: the sums are of integers, whatever their order. Columns are a multiple of 64,
 * |q| ≤ 127, codes 0 … 2; where columns are only padding, q is 0 and the codes are anything.
 */
import { BASELINE } from './families';
import { baselineRows } from './product-baseline';
import { fourRelaxed, oneRelaxed } from './product-relaxed';

/** Bytes of a block. */
@inline
export function blockBytes(columns: i32): i32 {
  return 2 * columns;
}

/**
 * One block times the vectors of `rows` tokens.
 *
 * @param q the first vector, `stride` bytes before the next
 * @param sums int32 [rows][8], `sumsStride` bytes from one row to the next
 */
export function multiplyBlock(
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
      fourRelaxed(block, q + row * stride, stride, columns, sums + row * sumsStride, sumsStride);
    }
  }
  for (; row < rows; row++) {
    const vector = q + row * stride;
    const to = sums + row * sumsStride;
    if (FAMILY == BASELINE) baselineRows(block, vector, columns, to);
    else oneRelaxed(block, vector, columns, to);
  }
}
