/**
 * Deterministic CBOR (RFC 8949, 4.2.1) in both directions, for manifests, seals and messages.
 *
 * cbor-x does the work; this file is the only one that imports it. It writes maps in the order given and knows no
 * rule for keys, so they are sorted here; what it wrote is scanned like what others wrote, which makes it an error
 * to encode a float, a lone surrogate or anything else that {@link decodeCbor} would refuse.
 */

// Not `cbor-x`: in Node that loads a native module beside, if it finds one, which takes longer than all that is decoded
// at a start.
import { Decoder } from 'cbor-x/decode';
import { Encoder } from 'cbor-x/encode';

import { memorySource } from './byte-source.js';
import { compareKeys, scanCbor } from './cbor-scan.js';

/** What can be encoded: integers within ±(2⁵³−1), text, bytes, booleans, arrays, and objects as maps. */
export type CborValue =
  number | string | boolean | Uint8Array | readonly CborValue[] | { readonly [key: string]: CborValue };

const encoder = new Encoder({ useRecords: false, mapsAsObjects: false, tagUint8Array: false });

/**
 * Maps stay maps: an object would give the key `__proto__` a meaning. The option `int64AsNumber` is missing from the
 * types of cbor-x; after the scan it is exact.
 */
const decoderOptions = { useRecords: false, mapsAsObjects: false, int64AsNumber: true };
const decoder = new Decoder(decoderOptions);

/**
 * The one deterministic encoding of `value`.
 *
 * @throws CborError if it has none here
 */
export function encodeCbor(value: CborValue): Uint8Array {
  const bytes = encodeAny(prepared(value));
  scanCbor(memorySource(bytes));
  return bytes;
}

/**
 * Scans and decodes one item. Maps become `Map`s; the result holds copies of the bytes.
 *
 * @throws CborError if the bytes are not exactly one deterministically encoded item
 */
export function decodeCbor(bytes: Uint8Array): unknown {
  scanCbor(memorySource(bytes));
  return decoder.decode(new Uint8Array(bytes)) as unknown;
}

function encodeAny(value: unknown): Uint8Array {
  // Declared as Node's Buffer, a type that this folder does not know.
  const bytes: unknown = encoder.encode(value);
  if (!(bytes instanceof Uint8Array)) throw new TypeError('cbor-x did not return bytes');
  return new Uint8Array(bytes); // a copy: cbor-x returns a view of its own buffer
}

/** Replaces objects by sorted maps, and integers of more than 32 bits, which cbor-x writes as floats, by bigints. */
function prepared(value: CborValue): unknown {
  if (typeof value === 'number') return isWide(value) ? BigInt(value) : value;
  if (typeof value !== 'object' || value instanceof Uint8Array) return value;
  if (isArray(value)) return value.map(prepared);
  const pairs = Object.entries(value).map(([key, item]) => ({ key, bytes: encodeAny(key), item: prepared(item) }));
  return new Map(pairs.toSorted((a, b) => compareKeys(a.bytes, b.bytes)).map(({ key, item }) => [key, item]));
}

function isWide(value: number): boolean {
  return Number.isInteger(value) && (value > 2 ** 32 - 1 || value < -(2 ** 32));
}

/** `Array.isArray` does not narrow a readonly array. */
function isArray(value: object): value is readonly CborValue[] {
  return Array.isArray(value);
}
