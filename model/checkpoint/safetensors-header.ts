/**
 * The header of a safetensors file (github.com/huggingface/safetensors, README "Format"), checked completely.
 *
 * ```
 * offset   size
 * 0        8      n, unsigned little-endian
 * 8        n      JSON: { "__metadata__"?: { text: text }, name: { "dtype", "shape", "data_offsets": [begin, end] } }
 * 8 + n    rest   the tensors, row-major, one after the other from 0 to the last byte
 * ```
 *
 * Refused: what the reference implementation refuses (holes, overlaps, lengths that do not follow from dtype and shape,
 * trailing bytes), and besides duplicate keys, unknown keys, space before `{`, and more tensors than the limit below.
 * Metadata may fill the header: it is checked, but nothing of it is kept.
 */

import { isUtf8 } from 'node:buffer';

import { badHeader, badTensorEntry, fileTruncated, headerTooLarge, trailingBytes } from './checkpoint-error.js';
import { quoted } from '../quoted.js';
import { DTYPE_BYTES, isDtype } from './dtype.js';
import type { Dtype } from './dtype.js';
import { JsonCursor } from './json-cursor.js';

/** Bytes in front of the header. */
export const LENGTH_BYTES = 8;
/** As the reference implementation. The tensors of the largest supported model (256 layers) take 0.6 MB of it. */
export const MAX_HEADER_BYTES = 100_000_000;
/** The largest supported model has 3,845 tensors. */
const MAX_NAMES = 8_192;
const MAX_RANK = 8;

/** Where a tensor lies in its file. */
export interface TensorInfo {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Product of `shape`. */
  readonly elements: number;
  readonly byteLength: number;
  /** Offset of the first byte from the start of the file; no alignment is guaranteed. */
  readonly fileOffset: number;
}

/**
 * The header length announced by the first 8 bytes (or fewer, in a shorter file) of a file of `fileBytes`.
 *
 * @throws CheckpointError `checkpoint-truncated`, or `checkpoint-bad-header` above `MAX_HEADER_BYTES`
 */
export function readHeaderLength(prefix: Uint8Array, fileBytes: number, file: string): number {
  if (prefix.length < LENGTH_BYTES) throw fileTruncated(file, LENGTH_BYTES - prefix.length);
  const length = new DataView(prefix.buffer, prefix.byteOffset, LENGTH_BYTES).getBigUint64(0, true);
  if (length > MAX_HEADER_BYTES) throw headerTooLarge(file, length, MAX_HEADER_BYTES);
  const missing = LENGTH_BYTES + Number(length) - fileBytes;
  if (missing > 0) throw fileTruncated(file, missing);
  return Number(length);
}

/**
 * The tensors of a file, in the order of their data.
 *
 * @param header the JSON bytes
 * @param dataBytes what follows the header in the file
 * @param file for messages
 * @throws CheckpointError `checkpoint-bad-header` or `checkpoint-truncated`
 */
export function parseSafetensorsHeader(header: Uint8Array, dataBytes: number, file: string): Map<string, TensorInfo> {
  const failure = (position: number, problem: string): Error => badHeader(file, LENGTH_BYTES + position, problem);
  if (header[0] !== '{'.charCodeAt(0)) throw failure(0, 'the header does not start with {');
  // In one go, which is ten times as fast as string by string.
  if (!isUtf8(header)) throw failure(0, 'the header is not UTF-8');
  const cursor = new JsonCursor(header, failure);
  const entries: Entry[] = [];
  cursor.object(MAX_NAMES, (name) => {
    if (name === '__metadata__') cursor.skipTexts();
    else entries.push(readEntry(cursor, name, file));
  });
  cursor.end();
  // Among equal offsets the empty tensors come first, or the next one would seem to overlap.
  entries.sort((left, right) => left.begin - right.begin || left.end - right.end);
  assertContiguous(entries, dataBytes, file);
  const dataOffset = LENGTH_BYTES + header.length;
  return new Map(
    entries.map(({ name, dtype, shape, elements, begin, end }) => [
      name,
      {
        dtype,
        shape,
        elements,
        byteLength: end - begin,
        fileOffset: dataOffset + begin,
      },
    ]),
  );
}

interface Entry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly elements: number;
  readonly begin: number;
  readonly end: number;
}

function readEntry(cursor: JsonCursor, name: string, file: string): Entry {
  let dtype: string | undefined;
  let shape: number[] | undefined;
  let offsets: number[] | undefined;
  cursor.object(3, (key) => {
    if (key === 'dtype') dtype = cursor.string();
    else if (key === 'shape') shape = cursor.naturalNumbers(MAX_RANK);
    else if (key === 'data_offsets') offsets = cursor.naturalNumbers(2);
    else throw badTensorEntry(file, name, `has the unknown key ${quoted(key)}`);
  });
  if (dtype === undefined || shape === undefined || offsets === undefined) {
    throw badTensorEntry(file, name, 'lacks dtype, shape or data_offsets');
  }
  if (!isDtype(dtype)) throw badTensorEntry(file, name, `has the unknown dtype ${quoted(dtype)}`);
  if (offsets.length !== 2) throw badTensorEntry(file, name, 'has no end offset');
  const [begin, end] = offsets;
  const elements = countElements(shape);
  if (elements === undefined)
    throw badTensorEntry(file, name, `has shape [${shape.join(', ')}], more than can be addressed`);
  const expectedBytes = elements * DTYPE_BYTES[dtype];
  if (end - begin !== expectedBytes) {
    throw badTensorEntry(
      file,
      name,
      `has offsets [${begin}, ${end}], but ${dtype} [${shape.join(', ')}] takes ${expectedBytes} bytes`,
    );
  }
  return { name, dtype, shape, elements, begin, end };
}

/** The product of `shape`, or undefined when it or its size in bytes is not exact in a double. */
function countElements(shape: readonly number[]): number | undefined {
  let elements = 1;
  for (const dimension of shape) {
    elements *= dimension;
    if (elements > Number.MAX_SAFE_INTEGER / 8) return undefined;
  }
  return elements;
}

function assertContiguous(entries: readonly Entry[], dataBytes: number, file: string): void {
  let position = 0;
  for (const { name, begin, end } of entries) {
    if (begin > position) throw badTensorEntry(file, name, `leaves ${begin - position} unused bytes in front of it`);
    if (begin < position) throw badTensorEntry(file, name, 'overlaps another tensor');
    position = end;
  }
  if (position > dataBytes) throw fileTruncated(file, position - dataBytes);
  if (position < dataBytes) throw trailingBytes(file, dataBytes - position);
}
