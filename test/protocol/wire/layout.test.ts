import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import {
  constant,
  count,
  decodeLayout,
  encodeLayout,
  fixedBytes,
  layoutText,
  restBytes,
  restU32,
  u16,
  u32,
  u64,
  u8,
} from '../../../protocol/wire/layout.js';
import { bytes } from '../../helpers/frames.js';

const LISTED = { small: u8(1, 9), count: count(2), magic: constant(3, 0x030201), big: u64(), list: restU32(1, 3) };
const LISTED_VALUE = { small: 9, big: 0x1122334455667788n, list: Uint32Array.of(0xfffefdfc, 1) };
const LISTED_HEX = '09 0200 010203 8877665544332211 fcfdfeff 01000000';

const PLAIN = { pair: u16(), aligned: u32(2048), hash: fixedBytes(3), rest: restBytes(0, 4) };
const PLAIN_VALUE = { pair: 0x0102, aligned: 0x80000800, hash: bytes('aabbcc'), rest: bytes('dd') };
const PLAIN_HEX = '0201 00080080 aabbcc dd';

describe('a layout', () => {
  test('puts fields one after another, little-endian', () => {
    expect(encodeLayout(LISTED, LISTED_VALUE)).toEqual(bytes(LISTED_HEX));
    expect(decodeLayout(LISTED, bytes(LISTED_HEX))).toEqual(LISTED_VALUE);
    expect(encodeLayout(PLAIN, PLAIN_VALUE)).toEqual(bytes(PLAIN_HEX));
    expect(decodeLayout(PLAIN, bytes(PLAIN_HEX))).toEqual(PLAIN_VALUE);
  });

  test('takes the order of fields from itself, not from the value', () => {
    const { small, big, list } = LISTED_VALUE;
    expect(encodeLayout(LISTED, { list, big, small })).toEqual(bytes(LISTED_HEX));
  });

  test('may have no fields', () => {
    expect(encodeLayout({}, {})).toEqual(new Uint8Array(0));
    expect(decodeLayout({}, new Uint8Array(0))).toEqual({});
    expect(decodeLayout({}, bytes('00'))).toBeUndefined();
  });

  test('is described by the same words as long as it is the same', () => {
    expect(layoutText(LISTED)).toBe('small:u8[1..9] count:u16 197121:u24 big:u64 list:u32[1..3]');
    expect(layoutText(PLAIN)).toBe('pair:u16 aligned:u32/2048 hash:bytes[3] rest:bytes[0..4]');
  });

  test('reads what it wrote', () => {
    const value = fc.record({
      small: fc.integer({ min: 1, max: 9 }),
      big: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      list: fc.uint32Array({ minLength: 1, maxLength: 3 }),
    });
    fc.assert(
      fc.property(value, (original) => {
        expect(decodeLayout(LISTED, encodeLayout(LISTED, original))).toEqual(original);
      }),
    );
  });

  test('reads of any bytes only what it would write', () => {
    const noise = fc.tuple(fc.nat(12), fc.uint8Array({ minLength: 1, maxLength: 3 })).map(([at, piece]) => {
      const payload = bytes(LISTED_HEX);
      payload.set(piece, at);
      return payload;
    });
    fc.assert(
      fc.property(fc.oneof(noise, fc.uint8Array({ maxLength: 30 })), (payload) => {
        const value = decodeLayout(LISTED, payload);
        if (value === undefined) return;
        expect(encodeLayout(LISTED, value)).toEqual(payload);
      }),
    );
  });
});

describe('a payload is refused', () => {
  test.each([
    ['below the range', '00 0200 010203 8877665544332211 fcfdfeff 01000000'],
    ['above the range', '0a 0200 010203 8877665544332211 fcfdfeff 01000000'],
    ['with another constant', '09 0200 010204 8877665544332211 fcfdfeff 01000000'],
    ['with a count that is too small', '09 0100 010203 8877665544332211 fcfdfeff 01000000'],
    ['with a count that is too large', '09 0300 010203 8877665544332211 fcfdfeff 01000000'],
    ['with part of an item', '09 0200 010203 8877665544332211 fcfdfeff 010000'],
    ['with too few items', '09 0000 010203 8877665544332211'],
    ['with too many items', '09 0400 010203 8877665544332211 00000000 00000000 00000000 00000000'],
    ['that ends inside a field', '09 0200 010203 88776655443322'],
    ['that is empty', ''],
  ])('%s', (_, hex) => {
    expect(decodeLayout(LISTED, bytes(hex))).toBeUndefined();
  });

  test.each([
    ['that is no multiple', '0201 01080080 aabbcc dd'],
    ['that is too long', '0201 00080080 aabbcc dd dd dd dd dd'],
  ])('%s', (_, hex) => {
    expect(decodeLayout(PLAIN, bytes(hex))).toBeUndefined();
  });

  test('at every length but its own', () => {
    const payload = new Uint8Array([...bytes(LISTED_HEX), 0, 0, 0, 0]);
    for (let length = 0; length <= payload.length; length++) {
      const isRight = length === payload.length - 4;
      expect(decodeLayout(LISTED, payload.subarray(0, length)) !== undefined).toBe(isRight);
    }
  });
});

describe('a value cannot be written', () => {
  test.each([
    [{ small: 0 }, 'small of a message must be u8[1..9]'],
    [{ small: 10 }, 'small of a message must be u8[1..9]'],
    [{ small: 1.5 }, 'small of a message must be u8[1..9]'],
    [{ small: Number.NaN }, 'small of a message must be u8[1..9]'],
    [{ big: -1n }, 'big of a message must be u64'],
    [{ big: 2n ** 64n }, 'big of a message must be u64'],
    [{ list: new Uint32Array(0) }, 'list of a message must be u32[1..3]'],
    [{ list: new Uint32Array(4) }, 'list of a message must be u32[1..3]'],
  ])('with %o', (wrong, message) => {
    expect(() => encodeLayout(LISTED, { ...LISTED_VALUE, ...wrong })).toThrow(new RangeError(message));
  });

  test.each([
    [{ aligned: 2049 }, 'aligned of a message must be u32/2048'],
    [{ aligned: 2 ** 32 }, 'aligned of a message must be u32/2048'],
    [{ hash: new Uint8Array(2) }, 'hash of a message must be bytes[3]'],
    [{ rest: new Uint8Array(5) }, 'rest of a message must be bytes[0..4]'],
  ])('with %o', (wrong, message) => {
    expect(() => encodeLayout(PLAIN, { ...PLAIN_VALUE, ...wrong })).toThrow(new RangeError(message));
  });
});
