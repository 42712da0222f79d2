/**
 * Vectors of docs/ARITHMETIC.md, section 5: one channel of MLGRU and GLU, saturation of what is added and of logits.
 */

import { sigmaTable } from '../../../protocol/image/tables.js';
import { addToResidual, gatedLinearUnit, gatedState, nextState } from '../channels.js';
import { sat16, sat31 } from '../fixed-point.js';
import { CORNERS_32 } from './primitive-vectors.js';
import { hex, type Words } from './words.js';

/** Around the ends of 16 and 31 bits, and where σ's argument saturates (±4096). */
const CORNER_OUTPUTS = [
  0, 1, -1, 4095, 4096, -4096, -4097, 32767, 32768, -32767, -32768, -32769, 0x7fffffff, -0x80000000,
];
const CORNER_SUMS = [...CORNERS_32, 0x3ffffffe, 0x40000000, -0x40000001, -0x3fffffff, 32767, 32768, -32768, -32769];
/** The largest |h|: 32768·32767. */
const LARGEST_STATE = 32768 * 32767;
const CORNER_STATES = [0, 1, -1, 2047, 2048, LARGEST_STATE, -LARGEST_STATE];
const CORNER_GAINS = [0, 1, 16384, 32767];

export function* saturationLines(words: Words, count: number): Generator<string> {
  const line = (a: number): string => `${hex(a, 8)} ${hex(sat16(a), 4)} ${hex(sat31(a), 8)}`;
  for (const a of CORNER_SUMS) yield line(a);
  for (let k = 0; k < count; k++) yield line(words.signed(32));
}

export function* stateLines(words: Words, count: number): Generator<string> {
  const sigma = sigmaTable();
  const line = (h: number, i: number, f: number, scale: number): string =>
    `${hex(h, 8)} ${hex(i, 8)} ${hex(f, 8)} ${hex(scale, 4)} ${hex(nextState(sigma, h, i, f, scale), 8)}`;
  for (const h of CORNER_STATES) {
    for (const i of CORNER_OUTPUTS) {
      for (const f of [0, 4096, -32768, 0x7fffffff]) for (const scale of CORNER_GAINS) yield line(h, i, f, scale);
    }
  }
  for (let k = 0; k < count; k++) {
    yield line(randomState(words), words.signed(18), words.signed(18), words.below(32_768));
  }
}

export function* gateLines(words: Words, count: number): Generator<string> {
  const sigma = sigmaTable();
  const line = (h: number, g: number, norm: number): string =>
    `${hex(h, 8)} ${hex(g, 4)} ${hex(norm, 4)} ${hex(gatedState(sigma, h, g, norm), 8)}`;
  for (const h of CORNER_STATES) {
    for (const g of [0, 1, -1, 32767, -32768]) for (const norm of [...CORNER_GAINS, -32767]) yield line(h, g, norm);
  }
  for (let k = 0; k < count; k++) yield line(randomState(words), words.signed(16), Math.max(-32767, words.signed(16)));
}

export function* gluLines(words: Words, count: number): Generator<string> {
  const sigma = sigmaTable();
  const line = (gate: number, up: number): string =>
    `${hex(gate, 8)} ${hex(up, 8)} ${hex(gatedLinearUnit(sigma, gate, up), 8)}`;
  for (const gate of CORNER_OUTPUTS) for (const up of CORNER_OUTPUTS) yield line(gate, up);
  for (let k = 0; k < count; k++) yield line(words.signed(18), words.signed(18));
}

export function* residualLines(words: Words, count: number): Generator<string> {
  const line = (x: number, out: number): string => `${hex(x, 8)} ${hex(out, 8)} ${hex(addToResidual(x, out), 8)}`;
  for (const x of [0, 1, -1, 0x3fffffff, -0x40000000]) for (const out of CORNER_SUMS) yield line(x, out);
  for (let k = 0; k < count; k++) yield line(words.signed(31), words.signed(32));
}

function randomState(words: Words): number {
  return Math.max(-LARGEST_STATE, Math.min(LARGEST_STATE, words.signed(31)));
}
