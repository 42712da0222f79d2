import { isNativeAccelerationEnabled } from 'cbor-x/decode';
import { decode, encode } from 'cborg';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { decodeCbor, encodeCbor } from '../../protocol/cbor.js';
import type { CborValue } from '../../protocol/cbor.js';
import { CborError } from '../../protocol/cbor-scan.js';

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** All that can be encoded, at the sizes where heads change too. */
const anyValue: fc.Arbitrary<CborValue> = fc.letrec<{ item: CborValue }>((tie) => ({
  item: fc.oneof(
    { depthSize: 'small', maxDepth: 7 },
    fc.maxSafeInteger(),
    fc.constantFrom(23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, -24, -25, -(2 ** 32), -(2 ** 32) - 1),
    fc.boolean(),
    fc.string({ unit: 'grapheme' }),
    fc.string({ minLength: 20, maxLength: 300 }),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('item'), { maxLength: 30 }),
    fc.dictionary(fc.string({ unit: 'grapheme', maxLength: 30 }), tie('item'), { maxKeys: 30 }),
  ),
})).item;

describe('encodeCbor', () => {
  // RFC 8949, appendix A.
  test.each<[CborValue, string]>([
    [0, '00'],
    [23, '17'],
    [24, '1818'],
    [1000, '1903e8'],
    [1_000_000, '1a000f4240'],
    [1_000_000_000_000, '1b000000e8d4a51000'],
    [-1, '20'],
    [-1000, '3903e7'],
    [false, 'f4'],
    [true, 'f5'],
    ['', '60'],
    ['IETF', '6449455446'],
    ['\u00fc', '62c3bc'],
    ['\ud800\udd51', '64f0908591'],
    [Uint8Array.of(1, 2, 3, 4), '4401020304'],
    [[1, [2, 3], [4, 5]], '8301820203820405'],
    [{ a: 1, b: [2, 3] }, 'a26161016162820203'],
    [{ e: 'E', d: 'D', c: 'C', b: 'B', a: 'A' }, 'a56161614161626142616361436164614461656145'],
    [-0, '00'],
  ])('writes %j as RFC 8949 does', (value, expected) => {
    expect(hexOf(encodeCbor(value))).toBe(expected);
  });

  test('sorts keys by their encoding: shorter first, then by UTF-8 bytes', () => {
    // As UTF-16 the last two would be in the other order.
    const keys = ['z', '\u00fc', 'aa', '\uffee', 'aaaa', '\ud83d\ude00'];
    const value = Object.fromEntries(keys.map((key) => [key, 0]).toReversed());
    expect([...(decodeCbor(encodeCbor(value)) as Map<string, number>).keys()]).toEqual(
      // Shorter first, then by bytes.
      ['z', 'aa', '\u00fc', '\uffee', 'aaaa', '\ud83d\ude00'],
    );
  });

  test('writes what cborg writes', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(hexOf(encodeCbor(value))).toBe(hexOf(encode(value)));
      }),
    );
  });

  test.each<[string, CborValue]>([
    ['a fraction', 0.5],
    ['NaN', Number.NaN],
    ['infinity', Number.POSITIVE_INFINITY],
    ['an integer that a double cannot tell from its neighbour', 2 ** 53],
    ['a lone surrogate', '\ud800'],
    ['a lone surrogate in a key', { 'x\udc00': 1 }],
    ['nine levels', [[[[[[[[[]]]]]]]]]],
  ])('refuses %s', (_, value) => {
    expect(() => encodeCbor(value)).toThrow(CborError);
  });

  test('leaves earlier results alone', () => {
    const first = encodeCbor('first');
    encodeCbor('again');
    expect(hexOf(first)).toBe('656669727374');
  });
});

describe('decodeCbor', () => {
  test('gives back what was encoded, maps as Map', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const bytes = encodeCbor(value);
        expect(decodeCbor(bytes)).toEqual(decode(bytes, { useMaps: true }));
      }),
    );
  });

  test('treats the names of object members like any key', () => {
    const keys = ['__proto__', 'constructor', 'toString'];
    const bytes = encode(new Map(keys.map((key) => [key, new Map([['polluted', 1]])])));
    const decoded = decodeCbor(bytes);
    expect(decoded).toBeInstanceOf(Map);
    expect(new Set((decoded as Map<string, unknown>).keys())).toEqual(new Set(keys));
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });

  test('returns copies, plain Uint8Arrays', () => {
    const bytes = Buffer.from('420102', 'hex');
    const decoded = decodeCbor(bytes);
    bytes.fill(0);
    expect(decoded).toEqual(Uint8Array.of(1, 2));
  });

  test('lets nothing past the scan', () => {
    expect(() => decodeCbor(Uint8Array.of(0x9a, 0x06, 0xb4, 0x9d, 0x20))).toThrow(CborError);
    expect(() => decodeCbor(Uint8Array.of(0x00, 0x00))).toThrow('there are bytes after the last item');
  });
});

// A native module was loaded at every start before, for 9 ms, and got bytes from anywhere.
test('no native module decodes', () => {
  expect(isNativeAccelerationEnabled).toBe(false);
});
