/** Tokens of any kind, always the same: for comparing and for measuring machines. */
import { threefry } from '../integer/threefry.js';

/** @param series another number, other tokens */
export function testTokens(count: number, vocabSize: number, series = 1): number[] {
  return Array.from({ length: count }, (_, k) => threefry(series, 0, k, 0) % vocabSize);
}
