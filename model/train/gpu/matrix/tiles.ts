/** Tiles that products are tried with. Which is the fastest no table knows for the next card. */
import type { MatrixTile } from './matrix-product.js';

const tile = (
  subgroups: readonly [number, number],
  blocks: readonly [number, number],
  turnBytes: 32 | 64 | 128,
  isStaged: boolean,
): MatrixTile => ({ subgroups, blocks, turnBytes, isStaged });

export const TILES: readonly MatrixTile[] = [
  tile([2, 2], [2, 2], 64, false),
  tile([2, 2], [4, 2], 64, false),
  tile([2, 2], [4, 4], 32, false),
  tile([2, 4], [4, 2], 64, false),
  tile([2, 2], [2, 2], 64, true),
  tile([2, 2], [2, 2], 128, true),
  tile([2, 4], [2, 2], 64, true),
  tile([2, 2], [4, 2], 64, true),
  tile([2, 4], [4, 2], 64, true),
  tile([2, 2], [4, 4], 64, true),
];

/** `2×4 subgroups of 4×2 blocks, 64 bytes, staged` */
export function tileName({ subgroups, blocks, turnBytes, isStaged }: MatrixTile): string {
  return `${subgroups.join('×')} subgroups of ${blocks.join('×')} blocks, ${turnBytes} bytes, ${isStaged ? 'staged' : 'direct'}`;
}
