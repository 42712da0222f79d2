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
import { CONSTANTS, embeddingStride, TRITS_PER_BYTE } from './model-shape.js';
import type { ModelShape, SectionName } from './model-shape.js';
import { tablesSection } from './tables.js';

const PIECE_BYTES = 2 ** 20;

/** int16 values in a vector block: from `first` to `last` everything is allowed. */
interface Range {
  readonly name: string;
  readonly count: number;
  readonly first: number;
  readonly last: number;
}

/**
 * Checks every weight, constant, scale and table of an image.
 *
 * @throws ImageError `image-bad-weights`
 */
export function verifyWeights(source: ByteSource, view: ImageView): void {
  for (const _ of weightSteps(source, view));
}

/** {@link verifyWeights} in steps of a few milliseconds, for those who have other work between. */
export function* weightSteps(source: ByteSource, view: ImageView): Generator<void, void> {
  const { shape, sections } = view;
  const read = (section: SectionName): Read => {
    return (at, length) => source.read(sections[section].offset + at, length);
  };
  checkTables(read('tables')(0, sections.tables.length));
  yield;
  yield* checkVectors(shape, read('vectors'));
  yield* checkEmbedding(shape, read('embedding'));
  yield* checkTernary(shape, read('ternary'));
}

/** Reads from one section. */
type Read = (at: number, length: number) => Uint8Array;

function checkTables(bytes: Uint8Array): void {
  const at = tablesSection().findIndex((byte, index) => byte !== bytes[index]);
  if (at >= 0) throw badWeights('tables', at, 'the tables are not those of the arithmetic');
}

function* checkVectors(shape: ModelShape, read: Read): Generator<void, void> {
  let at = 0;
  for (const block of [headBlock(shape), ...Array.from({ length: shape.layers }, () => layerBlock(shape))]) {
    const length = 2 * block.reduce((count, range) => count + range.count, 0);
    checkBlock(block, read(at, length), at);
    at += length;
    yield;
  }
}

function checkBlock(block: readonly Range[], bytes: Uint8Array, blockOffset: number): void {
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

const SCALE = [
  { name: 'mm', count: 1, first: 2 ** 14, last: 2 ** 15 - 1 },
  { name: 'em', count: 1, first: -64, last: 24 },
] as const;

function headBlock({ hiddenSize: h }: ModelShape): Range[] {
  const constants = [{ name: 'embeddingShift', count: 1, first: 0, last: 15 }, ...SCALE];
  return [...constants, unused(constants.length), gain('finalNorm', h), gain('headGain', h)];
}

function layerBlock({ hiddenSize: h, intermediateSize: i }: ModelShape): Range[] {
  const scales = Array.from({ length: 6 }, () => SCALE).flat(); // i, f, g, o, gate/up, down
  const constants = [...scales, { name: 'gEpsShift', count: 1, first: 0, last: 127 }];
  return [
    ...constants,
    unused(constants.length),
    ...['attnNorm', 'iGain', 'fGain', 'gGain'].map((name) => gain(name, h)),
    { name: 'clb', count: h, first: 0, last: 32_767 },
    ...['gNorm', 'oGain', 'mlpNorm', 'gateGain'].map((name) => gain(name, h)),
    gain('downGain', i),
  ];
}

function unused(used: number): Range {
  return { name: 'an unused constant', count: CONSTANTS - used, first: 0, last: 0 };
}

/** −32768 would make `mul15` overflow. */
function gain(name: string, count: number): Range {
  return { name, count, first: -32_767, last: 32_767 };
}

function* checkEmbedding(shape: ModelShape, read: Read): Generator<void, void> {
  const stride = embeddingStride(shape);
  const length = shape.vocabSize * stride;
  const pieceBytes = stride * Math.ceil(PIECE_BYTES / stride);
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
  const { vocabSize, hiddenSize: h, intermediateSize: i } = shape;
  let at = 0;
  function* matrix(rows: number, columns: number): Generator<void, void> {
    const fullBytes = Math.floor(rows / TRITS_PER_BYTE) * columns;
    yield* checkGroups(read, at, at + fullBytes, TRITS_PER_BYTE);
    at += fullBytes;
    const rowsLeft = rows % TRITS_PER_BYTE;
    if (rowsLeft === 0) return;
    yield* checkGroups(read, at, at + columns, rowsLeft);
    at += columns;
  }
  for (let layer = 0; layer < shape.layers; layer++) {
    for (let gate = 0; gate < 4; gate++) yield* matrix(h, h); // i, f, g, o
    yield* matrix(2 * i, h);
    yield* matrix(h, i);
  }
  yield* matrix(vocabSize, h);
}

/** @param rows of each group that exist, 1 … 5 */
function* checkGroups(read: Read, from: number, to: number, rows: number): Generator<void, void> {
  // Digit 1 (weight 0) for each missing row: ⌊byte / 3^rows⌋ must be 1 + 3 + 9 … of them, 0 if none is missing.
  const divisor = 3 ** rows;
  const missing = (3 ** (TRITS_PER_BYTE - rows) - 1) / 2;
  const smallest = missing * divisor;
  const largest = smallest + divisor - 1;
  for (let at = from; at < to; at += PIECE_BYTES) {
    const piece = read(at, Math.min(PIECE_BYTES, to - at));
    if (rows === TRITS_PER_BYTE && areAllTrits(piece)) {
      yield;
      continue;
    }
    for (let index = 0; index < piece.length; index++) {
      const byte = piece[index]!;
      if (byte < smallest || byte > largest) {
        const problem = rows === TRITS_PER_BYTE ? 'is above 242' : 'has a weight other than 0 in a missing row';
        throw badWeights('ternary', at + index, `byte ${byte} ${problem}`);
      }
    }
    yield;
  }
}

/**
 * Whether no byte is above 242, four bytes at a time: 3.5 times as fast as one by one, which counts for images of 600 MB. A byte with its top
 * bit set is above 242 exactly if its lower seven bits are above 114; adding 13 carries those into the top bit, and out of no byte.
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
