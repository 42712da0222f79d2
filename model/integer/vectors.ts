/**
 * Test vectors for whoever builds another implementation: primitives, the BitLinear unit, the sampler, and whole tokens of an image.
 *
 * Origin of every vector: the integer reference, inputs from Threefry-2x32 with the key (seed, 0) and a running counter.
 */
import { sigmaTable, exp2Table } from '../../protocol/image/tables.js';
import { ternaryBytes, TRITS_PER_BYTE, type ModelShape } from '../../protocol/image/model-shape.js';
import { BitLinearUnit } from './bitlinear.js';
import { integerSquareRoot, mul15, roundShift } from './fixed-point.js';
import { IntegerModel } from './integer-model.js';
import type { ModelWeights } from './model-weights.js';
import { MAX_CANDIDATES } from '../../protocol/sampling.js';
import { Sampler } from './sampler.js';
import { sigmoid } from './sigmoid.js';
import { threefry } from './threefry.js';

/** One file of vectors. */
export interface VectorFile {
  /** Such as `mul15.hex`. */
  readonly name: string;
  /** What a line holds, for the index. */
  readonly format: string;
  readonly lines: Iterable<string>;
}

/** Uniform 32-bit words, the same on every machine. */
class Words {
  readonly #seed: number;
  #counter = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** Signed, with a random number of significant bits, so that small and large values are equally likely. */
  signed(bits: number): number {
    const shift = 32 - bits + (this.unsigned() % bits);
    return this.#next() >> shift;
  }

  unsigned(): number {
    return this.#next() >>> 0;
  }

  #next(): number {
    return threefry(this.#seed, 0, this.#counter++, 0) | 0;
  }
}

const CORNERS_32 = [0, 1, -1, 0x3fffffff, -0x40000000, 0x7fffffff, -0x80000000, 0xffff, -0xffff, 0x10000];
const CORNERS_16 = [0, 1, -1, 32767, -32767, 16384, -16384];

/** Vectors that need no model. `count` random cases beside the corner cases of each primitive. */
export function primitiveVectors(seed: number, count: number): VectorFile[] {
  return [
    { name: 'mul15.hex', format: 'a (8 digits), b (4), mul15(a, b) (8)', lines: mul15Lines(seed, count) },
    { name: 'rsh.hex', format: 'a (8), s (2), rsh(a, s) (8)', lines: roundShiftLines(seed, count) },
    { name: 'isqrt.hex', format: 'a (8), floor(sqrt(a)) (4)', lines: squareRootLines(seed, count) },
    {
      name: 'sigmoid.hex',
      format: 'sigma(p) (4) for p = 0 … 7fff, then 8000 … ffff (negative)',
      lines: sigmoidLines(),
    },
    { name: 'trits.hex', format: 'for each byte 00 … f2 five digits t + 1, row 0 first', lines: tritLines() },
    {
      name: 'bitlinear.jsonl',
      format: 'one product: inputs and every step (JSON)',
      lines: bitLinearLines(seed, count),
    },
    { name: 'sampler.jsonl', format: 'logits, settings, index, chosen id (JSON)', lines: samplerLines(seed, count) },
  ];
}

/** Random tokens, the first being the beginning-of-text token. */
export function* randomTokens({ vocabSize, bosTokenId }: ModelShape, seed: number, count: number): Generator<number> {
  const words = new Words(seed);
  for (let position = 0; position < count; position++) yield position === 0 ? bosTokenId : words.unsigned() % vocabSize;
}

/** Receipts and taps of tokens that are fed to a zero state. */
export function* tokenLines(weights: ModelWeights, tokens: Iterable<number>): Generator<string> {
  const model = new IntegerModel(weights);
  let position = 0;
  for (const token of tokens) {
    const taps = Array.from(model.stepWithTaps(token), (tap) => hex(tap, 8));
    yield JSON.stringify({ position: position++, token, taps, receipt: hex(model.receipt(), 8) });
  }
}

function* mul15Lines(seed: number, count: number): Generator<string> {
  const words = new Words(seed);
  const line = (a: number, b: number): string => `${hex(a, 8)} ${hex(b, 4)} ${hex(mul15(a, b), 8)}`;
  for (const a of CORNERS_32) for (const b of CORNERS_16) yield line(a, b);
  for (let k = 0; k < count; k++) yield line(words.signed(32), Math.max(-32767, words.signed(16)));
}

function* roundShiftLines(seed: number, count: number): Generator<string> {
  const words = new Words(seed + 1);
  const line = (a: number, s: number): string => `${hex(a, 8)} ${hex(s, 2)} ${hex(roundShift(a, s), 8)}`;
  for (const a of CORNERS_32) for (let s = 0; s <= 32; s++) yield line(a, s);
  for (let k = 0; k < count; k++) yield line(words.signed(32), words.unsigned() % 33);
}

function* squareRootLines(seed: number, count: number): Generator<string> {
  const words = new Words(seed + 2);
  const line = (a: number): string => `${hex(a, 8)} ${hex(integerSquareRoot(a), 4)}`;
  for (const root of [1, 2, 16384, 16385, 32766, 32767]) {
    for (const a of [root * root - 1, root * root, root * root + 1]) yield line(a);
  }
  for (let k = 0; k < count; k++) yield line(words.unsigned() >>> 2);
}

function* sigmoidLines(): Generator<string> {
  const table = sigmaTable();
  for (let p = 0; p < 65_536; p++) yield hex(sigmoid(table, (p << 16) >> 16), 4);
}

function* tritLines(): Generator<string> {
  for (let byte = 0; byte < 3 ** TRITS_PER_BYTE; byte++) {
    yield Array.from({ length: TRITS_PER_BYTE }, (_, d) => Math.floor(byte / 3 ** d) % 3).join('');
  }
}

function* bitLinearLines(seed: number, count: number): Generator<string> {
  const words = new Words(seed + 3);
  for (let k = 0; k < count; k++) {
    const columns = 1 + (words.unsigned() % 40);
    const rows = 1 + (words.unsigned() % 12);
    const magnitude = 1 + (words.unsigned() % 31);
    // Every tenth case is the all-zero vector.
    const v = Int32Array.from({ length: columns }, () => (k % 10 === 9 ? 0 : words.signed(magnitude)));
    const gain = Int16Array.from({ length: columns }, () => Math.max(-32767, words.signed(16)));
    const bytes = Uint8Array.from({ length: ternaryBytes(rows, columns) }, () => words.unsigned() % 243);
    const scaleMantissa = 16384 + (words.unsigned() % 16384);
    const scaleExponent = -34 + (words.unsigned() % 26);
    const epsilon = words.unsigned() % 4 === 0 ? columns << 12 : 0;
    const unit = new BitLinearUnit(columns);
    const out = new Int32Array(Math.ceil(rows / TRITS_PER_BYTE) * TRITS_PER_BYTE);
    unit.setInput(v, columns, epsilon);
    unit.multiply({ matrix: { rows, columns, bytes: () => bytes }, gain, scaleMantissa, scaleExponent }, out);
    const { normalised, sumOfSquares, quantised, scale } = unit.inspect();
    const isZero = normalised.every((n, column) => n * gain[column] === 0);
    yield JSON.stringify({
      rows,
      columns,
      v: [...v],
      epsilon,
      gain: [...gain],
      mm: scaleMantissa,
      em: scaleExponent,
      weights: Buffer.from(bytes).toString('hex'),
      n: [...normalised],
      sum: sumOfSquares,
      ...(!isZero && { q: [...quantised], c: scale.mantissa, x: scale.exponent }),
      out: [...out.subarray(0, rows)],
    });
  }
}

function* samplerLines(seed: number, count: number): Generator<string> {
  const words = new Words(seed + 4);
  const sampler = new Sampler(exp2Table());
  for (let index = 0; index < count; index++) {
    const logits = Int32Array.from({ length: 2 + (words.unsigned() % 99) }, () => words.signed(17));
    const settings = {
      topK: 1 + (words.unsigned() % MAX_CANDIDATES),
      invTemperature: index % 10 === 9 ? 0 : 148 + (words.unsigned() % 4000),
      topP: index % 3 === 0 ? 32_768 : 1 + (words.unsigned() % 32_767),
      seedLow: words.unsigned(),
      seedHigh: words.unsigned(),
    };
    const id = sampler.choose(logits, settings, index);
    yield JSON.stringify({
      logits: [...logits],
      top_k: settings.topK,
      inv_temperature: settings.invTemperature,
      top_p: settings.topP,
      seed_low: settings.seedLow,
      seed_high: settings.seedHigh,
      index,
      id,
    });
  }
}

/** Two's complement with `digits` hexadecimal digits. */
function hex(value: number, digits: number): string {
  return (value >>> 0).toString(16).padStart(8, '0').slice(-digits);
}
