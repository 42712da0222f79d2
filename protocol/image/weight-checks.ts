/**
 * Whether the contents of an image are ones that the arithmetic is proven for (docs/IMAGE.md, section 6, item 5).
 *
 * A hash only says that the bytes are those of the packer; these checks say that no packer, however hostile, can make
 * a backend overflow, index outside a table, or differ from another backend. In pieces: the ternary section of a
 * large model has hundreds of megabytes.
 */

import type { ByteSource } from '../byte-source.js';
import { badWeights } from './image-error.js';
import type { ImageView } from './image-reader.js';
import { embeddingStride, TRITS_PER_BYTE } from './model-shape.js';
import type { ModelShape, SectionName } from './model-shape.js';
import { tablesSection } from './tables.js';
import { constantsOf, HEAD_BLOCK, LAYER_BLOCK, placeMatrices, sizeOf } from './tensors.js';
import type { Block, Range } from './tensors.js';

const PIECE_BYTES = 2 ** 18;

/** Neighbouring int16 values of the section `vectors`. */
interface Values extends Range {
  readonly name: string;
  readonly count: number;
}

/**
 * Checks every weight, constant, scale and table of an image.
 *
 * @throws ImageError `image-bad-weights`
 */
export function verifyWeights(source: ByteSource, view: PlacedWeights): void {
  for (const _ of weightSteps(source, view));
}

/** {@link verifyWeights} in steps of a few milliseconds, for those who have other work between. */
export function* weightSteps(source: ByteSource, view: PlacedWeights): Generator<void, void> {
  yield* denseSteps(source, view);
  yield* checkTernary(view.shape, readerOf('ternary', source, view));
}

/** All of {@link weightSteps} but the matrices, for those who look at these while they load them. */
export function* denseSteps(source: ByteSource, view: PlacedWeights): Generator<void, void> {
  checkTables(readerOf('tables', source, view)(0, view.sections.tables.length));
  yield;
  yield* checkVectors(view.shape, readerOf('vectors', source, view));
  yield* checkEmbedding(view.shape, readerOf('embedding', source, view));
}

/** What of an image has to be known. */
type PlacedWeights = Pick<ImageView, 'shape' | 'sections'>;

/** Reads from one section. */
type Read = (at: number, length: number) => Uint8Array;

function readerOf(section: SectionName, source: ByteSource, { sections }: PlacedWeights): Read {
  return (at, length) => source.read(sections[section].offset + at, length);
}

function checkTables(bytes: Uint8Array): void {
  const at = tablesSection().findIndex((byte, index) => byte !== bytes[index]);
  if (at >= 0) throw badWeights('tables', at, 'the tables are not those of the arithmetic');
}

function* checkVectors(shape: ModelShape, read: Read): Generator<void, void> {
  let at = 0;
  const layer = valuesOf(LAYER_BLOCK, shape);
  for (const block of [valuesOf(HEAD_BLOCK, shape), ...Array.from({ length: shape.layers }, () => layer)]) {
    const length = 2 * block.reduce((count, values) => count + values.count, 0);
    checkBlock(block, read(at, length), at);
    at += length;
    yield;
  }
}

function valuesOf(block: Block, shape: ModelShape): Values[] {
  const constants = constantsOf(block).map((constant) => ({ ...constant, count: 1 }));
  const vectors = block.vectors.map((vector) => ({ ...vector, count: sizeOf(vector.columns, shape) }));
  return [...constants, ...vectors];
}

function checkBlock(block: readonly Values[], bytes: Uint8Array, blockOffset: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  for (const { name, count, first, last } of block) {
    for (const end = at + 2 * count; at < end; at += 2) {
      const value = view.getInt16(at, true);
      if (value < first || value > last) {
        throw badWeights('vectors', blockOffset + at, `${name} is ${value}, allowed is ${first} to ${last}`);
      }
    }
  }
}

function* checkEmbedding(shape: ModelShape, read: Read): Generator<void, void> {
  const stride = embeddingStride(shape);
  const length = shape.vocabSize * stride;
  const pieceBytes = stride * Math.max(1, Math.floor(PIECE_BYTES / stride));
  for (let at = 0; at < length; at += pieceBytes) {
    const rows = read(at, Math.min(pieceBytes, length - at));
    for (let row = 0; row < rows.length; row += stride) {
      if (rows[row + 1]! > 127) throw badWeights('embedding', at + row, 'the scale of a row is above 32767');
      if (shape.hiddenSize % 2 === 1 && rows[row + stride - 1] !== 0) {
        throw badWeights('embedding', at + row + stride - 1, 'the byte that makes a row even is not zero');
      }
    }
    yield;
  }
}

function* checkTernary(shape: ModelShape, read: Read): Generator<void, void> {
  const { layers, head } = placeMatrices(shape);
  for (const { rows, columns, offset, length } of [...layers, head]) {
    const full = offset + Math.floor(rows / TRITS_PER_BYTE) * columns;
    yield* checkGroups(read, offset, full, TRITS_PER_BYTE);
    const rowsLeft = rows % TRITS_PER_BYTE;
    if (rowsLeft > 0) yield* checkGroups(read, full, offset + length, rowsLeft);
  }
}

/** @param rows of each group that exist, 1 … 5 */
function* checkGroups(read: Read, from: number, to: number, rows: number): Generator<void, void> {
  for (let at = from; at < to; at += PIECE_BYTES) {
    const piece = read(at, Math.min(PIECE_BYTES, to - at));
    if (!areGroups(piece, rows)) {
      const index = piece.findIndex((_, k) => !areGroups(piece.subarray(k, k + 1), rows));
      const problem = rows === TRITS_PER_BYTE ? 'is above 242' : 'has a weight other than 0 in a missing row';
      throw badWeights('ternary', at + index, `byte ${piece[index]} ${problem}`);
    }
    yield;
  }
}

/** Whether all bytes are groups of weights. @param rows of each group that exist, 1 … 5 */
export function areGroups(bytes: Uint8Array, rows: number): boolean {
  if (rows === TRITS_PER_BYTE && areAllTrits(bytes)) return true;
  // Digit 1 (weight 0) for each missing row: ⌊byte / 3^rows⌋ must be 1 + 3 + 9 … of them, 0 if none is missing.
  const divisor = 3 ** rows;
  const missing = (3 ** (TRITS_PER_BYTE - rows) - 1) / 2;
  const smallest = missing * divisor;
  const largest = smallest + divisor - 1;
  return bytes.every((byte) => byte >= smallest && byte <= largest);
}

/**
 * Whether no byte is above 242, four bytes at a time: 3.5 times as fast as one by one, which counts for images of 600
 * MB. A byte with its top bit set is above 242 exactly if its lower seven bits are above 114; adding 13 carries those
 * into the top bit, and out of no byte.
 */
function areAllTrits(bytes: Uint8Array): boolean {
  if (bytes.byteOffset % 4 !== 0) return false;
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  let above = 0;
  for (let k = 0; k < words.length; k++) above |= words[k]! & ((words[k]! & 0x7f7f7f7f) + 0x0d0d0d0d);
  if ((above & 0x80808080) !== 0) return false;
  for (let k = words.length * 4; k < bytes.length; k++) if (bytes[k]! > 242) return false;
  return true;
}
