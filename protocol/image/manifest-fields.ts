/**
 * Typed access to the decoded maps of a manifest: every value is checked where it is read, and named if it is wrong.
 */

import { badManifest, badName } from './image-error.js';
import { SHA256_BYTES } from './image-seal.js';
import { u32OfBytes } from '../little-endian.js';
import { utf8Length } from '../utf8.js';

export const MAX_NAME_BYTES = 64;
const MAX_TEXT_LENGTH = 64;

/** Texts of known form are ASCII, so that they are safe to print. */
const FORMS = {
  number: { pattern: /^[0-9.eE+-]+$/, expected: 'be a decimal number as text' },
  dtypes: {
    pattern: /^(F32|F16|BF16|F32\+F16|F32\+BF16|F16\+BF16|F32\+F16\+BF16)$/,
    expected: 'be F32, F16, BF16 or several of them in this order, joined by +',
  },
  packer: { pattern: /^mmfree\/[0-9.]+$/, expected: 'be mmfree/ and a version' },
} as const;

/** They would change what a terminal shows around the name. */
export const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

/**
 * A map with the given keys, perhaps with optional ones, and no others. All methods throw ImageError
 * `image-bad-manifest`.
 */
export class ManifestFields<Key extends string, OptionalKey extends string = never> {
  readonly #map: ReadonlyMap<unknown, unknown>;
  readonly #path: string;

  /** @param path of the map in the manifest, ending with a period; empty for the manifest itself */
  constructor(value: unknown, path: string, keys: readonly Key[], optionalKeys: readonly OptionalKey[] = []) {
    this.#map = value instanceof Map ? value : new Map();
    this.#path = path;
    const known = optionalKeys.filter((key) => this.#map.has(key)).length + keys.length;
    if (this.#map.size !== known || !keys.every((key) => this.#map.has(key))) {
      const others = optionalKeys.length === 0 ? 'no others' : `perhaps ${optionalKeys.join(', ')}, and no others`;
      throw badManifest(path, `be a map with the keys ${keys.join(', ')} and ${others}`);
    }
  }

  map<Inner extends string, OptionalInner extends string = never>(
    key: Key | OptionalKey,
    keys: readonly Inner[],
    optionalKeys: readonly OptionalInner[] = [],
  ): ManifestFields<Inner, OptionalInner> {
    return new ManifestFields(this.#map.get(key), `${this.#path}${key}.`, keys, optionalKeys);
  }

  has(key: OptionalKey): boolean {
    return this.#map.has(key);
  }

  u32(key: Key): number {
    const value = this.#map.get(key);
    if (typeof value !== 'number' || value < 0 || value > 0xffff_ffff) throw this.#wrong(key, 'be an unsigned number');
    return value;
  }

  boolean(key: Key): boolean {
    const value = this.#map.get(key);
    if (typeof value !== 'boolean') throw this.#wrong(key, 'be true or false');
    return value;
  }

  /** 1 … 64 bytes that leave a terminal as it is. */
  name(key: Key): string {
    const value = this.#map.get(key);
    if (typeof value !== 'string' || UNPRINTABLE.test(value)) throw badName();
    if (value.length === 0 || utf8Length(value) > MAX_NAME_BYTES) throw badName();
    return value;
  }

  text(key: Key, form: keyof typeof FORMS): string {
    const value = this.#map.get(key);
    const { pattern, expected } = FORMS[form];
    const isRight = typeof value === 'string' && value.length <= MAX_TEXT_LENGTH && pattern.test(value);
    if (!isRight) throw this.#wrong(key, expected);
    return value;
  }

  /** Any text, of at most so many bytes in UTF-8. */
  longText(key: Key | OptionalKey, maxBytes: number): string {
    const value = this.#map.get(key);
    if (typeof value === 'string' && utf8Length(value) <= maxBytes) return value;
    throw this.#wrong(key, `be text of at most ${maxBytes} bytes`);
  }

  sha256(key: Key): Uint8Array {
    const value = this.#map.get(key);
    if (!(value instanceof Uint8Array) || value.length !== SHA256_BYTES) throw this.#wrong(key, 'be 32 bytes');
    return value;
  }

  /** One or more numbers, stored as little-endian bytes. */
  u32Array(key: Key | OptionalKey): Uint32Array {
    const value = this.#map.get(key);
    if (!(value instanceof Uint8Array) || value.length === 0 || value.length % 4 !== 0) {
      throw this.#wrong(key, 'be one or more numbers of four bytes');
    }
    return u32OfBytes(value);
  }

  /** That the value is the given one. */
  expect(key: Key, expected: number, why: string): void {
    if (this.#map.get(key) !== expected) throw this.#wrong(key, why);
  }

  #wrong(key: Key | OptionalKey, expected: string): Error {
    return badManifest(this.#path + key, expected);
  }
}
