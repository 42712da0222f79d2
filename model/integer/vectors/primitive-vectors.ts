/** Vectors of docs/ARITHMETIC.md, sections 1 and 3. */

import { TRITS_PER_BYTE } from '../../../protocol/image/model-shape.js';
import { sigmaTable } from '../../../protocol/image/tables.js';
import { integerSquareRoot, mul15, roundShift } from '../fixed-point.js';
import { sigmoid } from '../sigmoid.js';
import { hex, type Words } from './words.js';

export const CORNERS_32 = [0, 1, -1, 0x3fffffff, -0x40000000, 0x7fffffff, -0x80000000, 0xffff, -0xffff, 0x10000];
const CORNERS_16 = [0, 1, -1, 32767, -32767, 16384, -16384];

export function* mul15Lines(words: Words, count: number): Generator<string> {
  const line = (a: number, b: number): string => `${hex(a, 8)} ${hex(b, 4)} ${hex(mul15(a, b), 8)}`;
  for (const a of CORNERS_32) for (const b of CORNERS_16) yield line(a, b);
  for (let k = 0; k < count; k++) yield line(words.signed(32), Math.max(-32767, words.signed(16)));
}

export function* roundShiftLines(words: Words, count: number): Generator<string> {
  const line = (a: number, s: number): string => `${hex(a, 8)} ${hex(s, 2)} ${hex(roundShift(a, s), 8)}`;
  for (const a of CORNERS_32) for (let s = 0; s <= 32; s++) yield line(a, s);
  for (let k = 0; k < count; k++) yield line(words.signed(32), words.below(33));
}

export function* squareRootLines(words: Words, count: number): Generator<string> {
  const line = (a: number): string => `${hex(a, 8)} ${hex(integerSquareRoot(a), 4)}`;
  for (const root of [1, 2, 16384, 16385, 32766, 32767]) {
    for (const a of [root * root - 1, root * root, root * root + 1]) yield line(a);
  }
  for (let k = 0; k < count; k++) yield line(words.unsigned() >>> 2);
}

export function* sigmoidLines(): Generator<string> {
  const table = sigmaTable();
  for (let p = 0; p < 65_536; p++) yield hex(sigmoid(table, (p << 16) >> 16), 4);
}

export function* tritLines(): Generator<string> {
  for (let byte = 0; byte < 3 ** TRITS_PER_BYTE; byte++) {
    yield Array.from({ length: TRITS_PER_BYTE }, (_, d) => Math.floor(byte / 3 ** d) % 3).join('');
  }
}
