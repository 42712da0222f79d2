/**
 * The sigmoid of the integer model: a table of 257 entries with linear interpolation (docs/ARITHMETIC.md, section 3).
 */

import { sat16 } from './fixed-point.js';

/** Q8 to Q11, saturating at ±16: what {@link sigmoid} takes of a pre-activation. */
export function up3(p: number): number {
  return sat16(p << 3);
}

/** σ(p) in Q15 (1 … 32767) for a 16-bit `p` in Q11. `table` is the image's SIGMA. */
export function sigmoid(table: Uint16Array, p: number): number {
  const magnitude = p < 0 ? (p === -32768 ? 32767 : -p) : p;
  const j = magnitude >> 7;
  const left = table[j];
  const y = left + ((Math.imul(table[j + 1] - left, magnitude & 127) + 64) >> 7);
  return p < 0 ? 32768 - y : y;
}
