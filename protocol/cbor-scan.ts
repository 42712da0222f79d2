/**
 * The gate in front of the CBOR decoder: one pass over untrusted bytes that accepts deterministic encodings only.
 *
 * RFC 8949 section 4.2.1 (definite lengths, shortest heads, sorted keys), narrowed to what images and messages use:
 * integers up to 2⁵³−1, byte strings, text, arrays, maps with text keys, false and true. Without it five bytes
 * (9a06b49d20) took cbor-x 1.6.1 12.7 s and 2.4 GB, tag 27 builds a RegExp, and duplicate keys pass silently.
 *
 * Byte strings are skipped without being read, and everything else is limited: a hostile gigabyte costs as little as
 * a hostile kilobyte.
 */

import type { ByteSource } from './byte-source.js';
import { isUtf8 } from './utf8.js';

/** What one scan accepts at most. */
export const CBOR_LIMITS = {
  /** Arrays and maps inside one another. */
  depth: 8,
  /** Items of any kind, map keys included. */
  items: 4_096,
  /** Bytes of all text together. */
  textBytes: 65_536,
} as const;

/** Bytes that are not the CBOR this project writes. */
export class CborError extends Error {
  /** Where in the source the offending item starts. */
  readonly offset: number;

  constructor(problem: string, offset: number) {
    super(problem);
    this.name = 'CborError';
    this.offset = offset;
  }
}

/**
 * Checks that the source, from `start` on, is one item and nothing else.
 *
 * @throws CborError
 */
export function scanCbor(source: ByteSource, start = 0): void {
  const end = scanCborItem(source, start);
  if (end < source.length) throw new CborError('there are bytes after the last item', end);
}

/**
 * Checks one item at `start` and returns where it ends.
 *
 * @throws CborError
 */
export function scanCborItem(source: ByteSource, start: number): number {
  const scanner = new Scanner(source, start);
  scanner.item(0);
  return scanner.position;
}

/** Order of map keys by their encodings (RFC 8949, 4.2.1): a shorter key has a smaller head. */
export function compareKeys(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) return a.length - b.length;
  const at = a.findIndex((byte, index) => byte !== b[index]);
  return at < 0 ? 0 : a[at]! - b[at]!;
}

const MAJOR = { unsigned: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5, tag: 6 } as const;
const FALSE = 0xf4;
const TRUE = 0xf5;
const INDEFINITE = 31;

/** Smallest values that need 1, 2, 4 and 8 bytes after the first. */
const SMALLEST = [24, 2 ** 8, 2 ** 16, 2 ** 32] as const;

/** Enough for many heads at once, little enough to read in front of every byte string. */
const WINDOW_BYTES = 512;

interface Head {
  readonly offset: number;
  readonly major: number;
  /** The integer, the length, or the number of items. */
  readonly value: number;
}

class Scanner {
  position: number;
  readonly #source: ByteSource;
  #window = new Uint8Array(0);
  #windowStart = 0;
  #items = 0;
  #textBytes = 0;

  constructor(source: ByteSource, position: number) {
    this.#source = source;
    this.position = position;
  }

  /** @param depth arrays and maps around the item */
  item(depth: number): void {
    const head = this.#head();
    const { major, value, offset } = head;
    switch (major) {
      case MAJOR.unsigned:
      case MAJOR.negative: // value n stands for −1 − n
        if (value > Number.MAX_SAFE_INTEGER - major) throw new CborError('an integer is beyond 2^53 - 1', offset);
        break;
      case MAJOR.bytes:
        this.#skip(head);
        break;
      case MAJOR.text:
        this.#text(head);
        break;
      case MAJOR.array:
        this.#enter(head, depth, 1);
        for (let index = 0; index < value; index++) this.item(depth + 1);
        break;
      case MAJOR.map:
        this.#enter(head, depth, 2);
        this.#pairs(value, depth + 1);
        break;
      default: // false or true: #head refuses tags and all else
    }
  }

  #pairs(count: number, depth: number): void {
    let previous: Uint8Array | undefined;
    for (let index = 0; index < count; index++) {
      const head = this.#head();
      if (head.major !== MAJOR.text) throw new CborError('a map key is not text', head.offset);
      const key = this.#text(head);
      const order = previous === undefined ? 1 : compareKeys(key, previous);
      if (order === 0) throw new CborError('a map has the same key twice', head.offset);
      if (order < 0) throw new CborError('map keys are not sorted', head.offset);
      previous = key;
      this.item(depth);
    }
  }

  /** Before the first item: neither the depth nor the number of bytes left can make the count a lie. */
  #enter({ offset, value }: Head, depth: number, bytesPerItem: number): void {
    if (depth >= CBOR_LIMITS.depth) throw new CborError(`items are nested deeper than ${CBOR_LIMITS.depth}`, offset);
    if (value * bytesPerItem > this.#left()) throw new CborError('an array or map has more items than bytes', offset);
  }

  #skip({ offset, value }: Head): void {
    if (value > this.#left()) throw new CborError('a string is longer than the bytes that are left', offset);
    this.position += value;
  }

  #text(head: Head): Uint8Array {
    const start = this.position;
    this.#skip(head);
    this.#textBytes += head.value;
    if (this.#textBytes > CBOR_LIMITS.textBytes) {
      throw new CborError(`there are more than ${CBOR_LIMITS.textBytes} bytes of text`, head.offset);
    }
    const text = this.#source.read(start, head.value).slice();
    if (!isUtf8(text)) throw new CborError('text is not valid UTF-8', head.offset);
    return text;
  }

  #head(): Head {
    const offset = this.position;
    if (++this.#items > CBOR_LIMITS.items)
      throw new CborError(`there are more than ${CBOR_LIMITS.items} items`, offset);
    const initial = this.#byte(offset);
    const major = initial >> 5;
    const info = initial & 31;
    if (major === MAJOR.tag) throw new CborError('there is a tag', offset);
    if (major > MAJOR.tag && initial !== FALSE && initial !== TRUE) {
      throw new CborError('there is a float or a simple value other than false and true', offset);
    }
    if (info < 24 || major > MAJOR.tag) return { offset, major, value: info };
    if (info === INDEFINITE) throw new CborError('a length is indefinite', offset);
    const smallest = SMALLEST[info - 24];
    if (smallest === undefined) throw new CborError('a head is reserved', offset);

    let value = 0;
    for (let bytes = 1 << (info - 24); bytes > 0; bytes--) value = value * 256 + this.#byte(offset);
    if (value < smallest) throw new CborError('a head is longer than necessary', offset);
    return { offset, major, value };
  }

  /** @param offset of the item, for the error */
  #byte(offset: number): number {
    if (this.position >= this.#source.length) throw new CborError('the bytes end inside an item', offset);
    if (this.position < this.#windowStart || this.position >= this.#windowStart + this.#window.length) {
      this.#window = this.#source.read(this.position, Math.min(WINDOW_BYTES, this.#left())).slice();
      this.#windowStart = this.position;
    }
    return this.#window[this.position++ - this.#windowStart]!;
  }

  #left(): number {
    return this.#source.length - this.position;
  }
}
