/**
 * Messages of fixed layout as data: one table describes a payload, writes it, reads it, and is part of the hash by
 * which two peers know that they mean the same. docs/PROTOCOL.md, section 3.
 *
 * Numbers are little-endian and unsigned. Fields follow one another without gaps; only the last may vary in length.
 */

import { bytesOfU32, u32OfBytes } from '../little-endian.js';

/** A field of the message's value. `accepts` is asked in both directions. */
export interface Field<T> {
  readonly kind: 'field';
  /** Its type and range in words. */
  readonly text: string;
  /** In bytes; undefined if it takes all that is left. */
  readonly length: number | undefined;
  accepts(value: T): boolean;
  encode(value: T): Uint8Array;
  /** @param bytes as many as `length` says */
  decode(bytes: Uint8Array): T | undefined;
}

/** A number that is always the same: no part of the value. */
export interface Constant {
  readonly kind: 'constant';
  readonly length: number;
  readonly value: number;
}

/** The number of items in the last field: no part of the value. */
export interface Count {
  readonly kind: 'count';
  readonly length: number;
}

/** Fields by name, in the order in which they are sent. */
export type Layout = Readonly<Record<string, Field<unknown> | Constant | Count>>;

/** The value of a message with this layout. */
export type LayoutValue<L extends Layout> = {
  readonly [Name in keyof L as L[Name] extends Field<unknown> ? Name : never]: L[Name] extends Field<infer T>
    ? T
    : never;
};

// Kinds of fields

export function u8(min = 0, max = 0xff): Field<number> {
  return unsigned(1, min, max);
}

export function u16(min = 0, max = 0xffff): Field<number> {
  return unsigned(2, min, max);
}

/** @param multiple of which the number is one */
export function u32(multiple = 1): Field<number> {
  const field = unsigned(4, 0, 0xffff_ffff);
  if (multiple === 1) return field;
  return {
    ...field,
    text: `${field.text}/${multiple}`,
    accepts: (value) => field.accepts(value) && value % multiple === 0,
  };
}

export function u64(): Field<bigint> {
  return {
    kind: 'field',
    text: 'u64',
    length: 8,
    accepts: (value) => BigInt.asUintN(64, value) === value,
    encode: (value) => bytesOfU32(Uint32Array.of(Number(value & 0xffff_ffffn), Number(value >> 32n))),
    decode: (bytes) => BigInt(readUnsigned(bytes.subarray(0, 4))) | (BigInt(readUnsigned(bytes.subarray(4))) << 32n),
  };
}

export function fixedBytes(length: number): Field<Uint8Array> {
  return { ...restBytes(length, length), length, text: `bytes[${length}]` };
}

/** The last field: as many bytes as there are, within the limits. */
export function restBytes(min: number, max: number): Field<Uint8Array> {
  return {
    kind: 'field',
    text: `bytes[${min}..${max}]`,
    length: undefined,
    accepts: ({ length }) => length >= min && length <= max,
    encode: (value) => value,
    decode: (bytes) => bytes,
  };
}

/** The last field: as many u32 as there are, within the limits. */
export function restU32(min: number, max: number): Field<Uint32Array> {
  return {
    kind: 'field',
    text: `u32[${min}..${max}]`,
    length: undefined,
    accepts: ({ length }) => length >= min && length <= max,
    encode: bytesOfU32,
    decode: (bytes) => (bytes.length % 4 === 0 ? u32OfBytes(bytes) : undefined),
  };
}

/** @param length in bytes, at most 4 */
export function constant(length: number, value = 0): Constant {
  return { kind: 'constant', length, value };
}

/** @param length in bytes, at most 4 */
export function count(length: number): Count {
  return { kind: 'count', length };
}

// Payloads

/** @throws RangeError if a field has a value that the layout does not allow */
export function encodeLayout<L extends Layout>(layout: L, value: LayoutValue<L>): Uint8Array {
  const values: Readonly<Record<string, unknown>> = value;
  const items = itemsOf(values[Object.keys(layout).at(-1) ?? '']);
  const parts = Object.entries(layout).map(([name, field]) => {
    if (field.kind !== 'field') return writeUnsigned(field.length, field.kind === 'count' ? items : field.value);
    const part = field.accepts(values[name]) ? field.encode(values[name]) : undefined;
    if (part === undefined) throw new RangeError(`${name} of a message must be ${field.text}`);
    return part;
  });
  const payload = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    payload.set(part, at);
    at += part.length;
  }
  return payload;
}

/** Reads a payload; undefined if it is too short, too long, or a field is out of range. Bytes in it are views. */
export function decodeLayout<L extends Layout>(layout: L, payload: Uint8Array): LayoutValue<L> | undefined {
  const values: Record<string, unknown> = {};
  let items: number | undefined;
  let last: unknown;
  let at = 0;
  for (const [name, field] of Object.entries(layout)) {
    const end = at + (field.length ?? payload.length - at);
    if (end > payload.length) return undefined;
    const bytes = payload.subarray(at, end);
    at = end;
    if (field.kind === 'count') {
      items = readUnsigned(bytes);
    } else if (field.kind === 'constant') {
      if (readUnsigned(bytes) !== field.value) return undefined;
    } else {
      last = field.decode(bytes);
      if (last === undefined || !field.accepts(last)) return undefined;
      values[name] = last;
    }
  }
  const isWhole = at === payload.length && (items === undefined || items === itemsOf(last));
  return isWhole ? (values as LayoutValue<L>) : undefined;
}

/** The layout in words, such as `run:u32 topK:u8[1..64]`; the same layout gives the same words. */
export function layoutText(layout: Layout): string {
  const words = Object.entries(layout).map(([name, field]) => {
    if (field.kind === 'field') return `${name}:${field.text}`;
    return `${field.kind === 'count' ? 'count' : field.value}:u${8 * field.length}`;
  });
  return words.join(' ');
}

// Helpers

function unsigned(length: 1 | 2 | 4, min: number, max: number): Field<number> {
  const isWhole = min === 0 && max === 2 ** (8 * length) - 1;
  return {
    kind: 'field',
    text: `u${8 * length}${isWhole ? '' : `[${min}..${max}]`}`,
    length,
    accepts: (value) => Number.isInteger(value) && value >= min && value <= max,
    encode: (value) => writeUnsigned(length, value),
    decode: readUnsigned,
  };
}

function writeUnsigned(length: number, value: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => value >>> (8 * index));
}

/** @param bytes at most 4 */
function readUnsigned(bytes: Uint8Array): number {
  return bytes.reduceRight((value, byte) => value * 256 + byte, 0);
}

function itemsOf(list: unknown): number {
  return list instanceof Uint8Array || list instanceof Uint32Array ? list.length : 0;
}
