/**
 * Ternary matrices times int8 vectors: a module of its own for each family, in the folder `products`, because this one
 * is the same for all.
 */

/**
 * `count` blocks of eight rows times the vectors of `rows` tokens: products/blocks.ts says how they lie.
 *
 * @param q the first vector, `stride` bytes before the next
 * @param sums int32 [count][rows][8], `sumsStride` bytes from one row to the next
 */
@external("products", "multiplyBlocks")
export declare function multiplyBlocks(
  blocks: usize,
  count: i32,
  q: usize,
  stride: i32,
  rows: i32,
  columns: i32,
  sums: usize,
  sumsStride: i32,
): void;

/** Bytes of a block. */
@inline
export function blockBytes(columns: i32): i32 {
  return 2 * columns;
}
