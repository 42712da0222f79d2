/** The tables of the arithmetic by their formulas (docs/ARITHMETIC.md, section 3). */

import { bytesOfU16 } from '../little-endian.js';

/** SIGMA: 257 values in Q15, the logistic function at 0, 1/16, … 16. */
export function sigmaTable(): Uint16Array {
  return Uint16Array.from({ length: 257 }, (_, j) => Math.min(32_767, roundHalfUp(32_768 / (1 + Math.exp(-j / 16)))));
}

/** EXP2: 256 values in Q15, 2^(−j/256). */
export function exp2Table(): Uint16Array {
  return Uint16Array.from({ length: 256 }, (_, j) => roundHalfUp(32_768 * 2 ** (-j / 256)));
}

/** The section `tables` of every image: SIGMA, then EXP2, 1,026 bytes. */
export function tablesSection(): Uint8Array {
  return bytesOfU16(Uint16Array.of(...sigmaTable(), ...exp2Table()));
}

/** No entry is within 2·10⁻⁴ of a tie, so the last bits of `Math.exp`, which differ between engines, do not matter. */
function roundHalfUp(value: number): number {
  return Math.floor(value + 0.5);
}
