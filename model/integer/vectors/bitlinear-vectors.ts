/** Vectors of docs/ARITHMETIC.md, section 4: the edges that the text defines, then random products. */

import { hexOf } from '../../../protocol/hex.js';
import { ternaryBytes, TRITS_PER_BYTE } from '../../../protocol/image/model-shape.js';
import { BitLinearUnit } from '../bitlinear.js';
import type { Words } from './words.js';

interface Product {
  readonly rows: number;
  readonly columns: number;
  readonly v: Int32Array;
  readonly epsilon: number;
  readonly gain: Int16Array;
  readonly mm: number;
  readonly em: number;
  readonly bytes: Uint8Array;
}

export function* bitLinearLines(words: Words, count: number): Generator<string> {
  for (const product of edges(words)) yield lineOf(product);
  for (let k = 0; k < count; k++) yield lineOf(randomProduct(words, k));
}

function* edges(words: Words): Generator<Product> {
  const two = { ...randomProduct(words, 0), columns: 2, rows: 5, epsilon: 0, mm: 20_000, em: -20 };
  const gain = Int16Array.of(32767, -32767);
  const bytes = Uint8Array.of(0xf2, 0); // +1 and −1 in all five rows
  const withInput = (...v: number[]): Product => ({ ...two, v: Int32Array.from(v), gain, bytes });
  yield withInput(2 ** 30 - 1, 1); // step A rounds to 32768 and takes 32767
  yield withInput(-(2 ** 30) + 1, 1); // n = −32768
  yield withInput(2 ** 30, 1); // 31 bits
  yield withInput(-(2 ** 30), 2 ** 30);
  yield { ...withInput(2 ** 30, 3), epsilon: 2 ** 43 - 1 }; // E >> 2e with the largest e
  yield { ...withInput(5, -3), epsilon: 2 ** 43 - 1 }; // and the smallest
  yield { ...withInput(32_767, 1), em: 24 }; // step G saturates
  yield { ...withInput(32_767, 1), em: -64 }; // and shifts everything out
  yield wide(words);
  yield carry(words);
}

/** The widest rows, all values at their ends: sums reach their bounds. */
function wide(words: Words): Product {
  const columns = 8192;
  const all = <T extends Int32Array | Int16Array | Uint8Array>(array: T, value: number): T => {
    array.fill(value);
    return array;
  };
  return {
    ...randomProduct(words, 0),
    rows: 5,
    columns,
    v: all(new Int32Array(columns), -(2 ** 30) + 1),
    epsilon: 2 ** 43 - 1,
    gain: all(new Int16Array(columns), -32767),
    bytes: all(new Uint8Array(columns), 0xf2),
  };
}

/**
 * A product in which the second norm15 of step G rounds up to 32768. A carry in the first is made good by the second.
 */
function carry(words: Words): Product {
  for (;;) {
    const product = { ...randomProduct(words, 0), mm: 16_384, em: -20, epsilon: 0 };
    // With mm = 2^14 the second norm15 leaves the mantissa as it is.
    const { q, mantissa } = inspect(product);
    const mm = Math.floor((2 ** 29 - 1) / mantissa);
    if (q !== undefined && mantissa * mm >= 2 ** 29 - 2 ** 13 && mm < 32_768) return { ...product, mm };
  }
}

function randomProduct(words: Words, index: number): Product {
  const columns = 1 + words.below(40);
  const rows = 1 + words.below(12);
  const magnitude = 1 + words.below(31);
  return {
    rows,
    columns,
    // Every tenth case is the all-zero vector.
    v: Int32Array.from({ length: columns }, () => (index % 10 === 9 ? 0 : words.signed(magnitude))),
    gain: Int16Array.from({ length: columns }, () => Math.max(-32767, words.signed(16))),
    bytes: Uint8Array.from({ length: ternaryBytes(rows, columns) }, (_, at) =>
      withRows(words.below(243), Math.min(TRITS_PER_BYTE, rows - TRITS_PER_BYTE * Math.floor(at / columns))),
    ),
    mm: 16384 + words.below(16384),
    em: -34 + words.below(26),
    epsilon: words.below(4) === 0 ? columns << 12 : 0,
  };
}

/** The byte with zeros in the rows that a matrix does not have (docs/IMAGE.md, section 4). */
function withRows(byte: number, rows: number): number {
  const zeros = (3 ** (TRITS_PER_BYTE - rows) - 1) / 2;
  return (byte % 3 ** rows) + 3 ** rows * zeros;
}

interface Steps {
  readonly n: readonly number[];
  readonly sum: number;
  readonly q?: readonly number[];
  readonly mantissa: number;
  readonly exponent: number;
  readonly out: readonly number[];
}

function inspect({ rows, columns, v, epsilon, gain, mm, em, bytes }: Product): Steps {
  const unit = new BitLinearUnit(columns);
  const out = new Int32Array(Math.ceil(rows / TRITS_PER_BYTE) * TRITS_PER_BYTE);
  unit.setInput(v, columns, epsilon);
  const matrix = { rows, columns, bytes: () => bytes };
  unit.multiply({ matrix, gain, scaleMantissa: mm, scaleExponent: em }, out);
  const { normalised, sumOfSquares, quantised, scale } = unit.inspect();
  const isZero = normalised.every((n, column) => n * gain[column] === 0);
  return {
    n: [...normalised],
    sum: sumOfSquares,
    ...(!isZero && { q: [...quantised] }),
    mantissa: scale.mantissa,
    exponent: scale.exponent,
    out: [...out.subarray(0, rows)],
  };
}

function lineOf(product: Product): string {
  const { rows, columns, v, epsilon, gain, mm, em, bytes } = product;
  const { n, sum, q, mantissa, exponent, out } = inspect(product);
  const weights = hexOf(bytes);
  return JSON.stringify({
    rows,
    columns,
    v: [...v],
    epsilon,
    gain: [...gain],
    mm,
    em,
    weights,
    n,
    sum,
    ...(q && { q, mantissa, exponent }),
    out,
  });
}
