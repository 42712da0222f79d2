/**
 * Tiles that products are tried with. Of twenty on an H200 these two were the best or close to it for every product;
 * each one costs the driver a quarter of a second for each product.
 */
import type { MatrixTile } from './matrix-product.js';

export const TILES: readonly MatrixTile[] = [
  { subgroups: [2, 2], blocks: [2, 2], turnBytes: 64 },
  { subgroups: [2, 2], blocks: [4, 2], turnBytes: 64 },
];

/** `2×2 subgroups of 4×2 blocks, 64 bytes` */
export function tileName({ subgroups, blocks, turnBytes }: MatrixTile): string {
  return `${subgroups.join('×')} subgroups of ${blocks.join('×')} blocks, ${turnBytes} bytes`;
}
