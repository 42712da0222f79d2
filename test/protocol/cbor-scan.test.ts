import { decode, encode } from 'cborg';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { memorySource } from '../../protocol/byte-source.js';
import { CBOR_LIMITS, CborError, scanCbor, scanCborItem } from '../../protocol/cbor-scan.js';
import { counting, sparseSource } from '../helpers/sources.js';

const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));

/** The error that a scan of `bytes` throws, or undefined. */
function refusal(bytes: Uint8Array): CborError | undefined {
  try {
    scanCbor(memorySource(bytes));
    return undefined;
  } catch (error) {
    if (error instanceof CborError) return error;
    throw error;
  }
}

describe('scanCbor', () => {
  test.each([
    ['00', 'zero'],
    ['17', 'the largest integer in one byte'],
    ['1818', 'the smallest in two'],
    ['190100', 'the smallest in three'],
    ['1a00010000', 'the smallest in five'],
    ['1b0000000100000000', 'the smallest in nine'],
    ['1b001fffffffffffff', '2^53 - 1'],
    ['3b001ffffffffffffe', '-(2^53 - 1)'],
    ['20', '-1'],
    ['40', 'no bytes'],
    ['5818 000102030405060708090a0b0c0d0e0f1011121314151617', '24 bytes'],
    ['60', 'no text'],
    ['64f09f9880', 'text beyond the basic plane'],
    ['80', 'an empty array'],
    ['83f4f500', 'false, true and 0'],
    ['a0', 'an empty map'],
    ['a3 6161 00 6162 01 626161 02', 'sorted keys'],
    ['8181818181818180', 'eight arrays inside one another'],
  ])('accepts %s (%s)', (hex) => {
    expect(refusal(bytesOf(hex))).toBeUndefined();
  });

  test.each([
    ['', 0, 'the bytes end inside an item'],
    ['19 01', 0, 'the bytes end inside an item'],
    ['82 00', 0, 'an array or map has more items than bytes'],
    ['a1 6161', 3, 'the bytes end inside an item'],
    ['00 00', 1, 'there are bytes after the last item'],
    ['9a06b49d20', 0, 'an array or map has more items than bytes'],
    ['9bffffffffffffffff', 0, 'an array or map has more items than bytes'],
    ['81 bb7fffffffffffffff 00', 1, 'an array or map has more items than bytes'],
    ['a2 00 00 00', 0, 'an array or map has more items than bytes'],
    ['5a ffffffff 00', 0, 'a string is longer than the bytes that are left'],
    ['7b0020000000000000 00', 0, 'a string is longer than the bytes that are left'],
    ['9f ff', 0, 'a length is indefinite'],
    ['bf ff', 0, 'a length is indefinite'],
    ['5f 4100 ff', 0, 'a length is indefinite'],
    ['7f 6161 ff', 0, 'a length is indefinite'],
    ['ff', 0, 'there is a float or a simple value other than false and true'],
    ['1c', 0, 'a head is reserved'],
    ['5e', 0, 'a head is reserved'],
    ['1817', 0, 'a head is longer than necessary'],
    ['1900ff', 0, 'a head is longer than necessary'],
    ['1a0000ffff', 0, 'a head is longer than necessary'],
    ['1b00000000ffffffff', 0, 'a head is longer than necessary'],
    ['580100', 0, 'a head is longer than necessary'],
    ['9800', 0, 'a head is longer than necessary'],
    ['1b0020000000000000', 0, 'an integer is beyond 2^53 - 1'],
    ['3b001fffffffffffff', 0, 'an integer is beyond 2^53 - 1'],
    ['1bffffffffffffffff', 0, 'an integer is beyond 2^53 - 1'],
    ['c0 6130', 0, 'there is a tag'],
    ['d9d9f7 00', 0, 'there is a tag'],
    ['81 d81b 83 6652656745787061 61 6167', 1, 'there is a tag'],
    ['f6', 0, 'there is a float or a simple value other than false and true'],
    ['f7', 0, 'there is a float or a simple value other than false and true'],
    ['e0', 0, 'there is a float or a simple value other than false and true'],
    ['f820', 0, 'there is a float or a simple value other than false and true'],
    ['f90000', 0, 'there is a float or a simple value other than false and true'],
    ['fa00000000', 0, 'there is a float or a simple value other than false and true'],
    ['fb0000000000000000', 0, 'there is a float or a simple value other than false and true'],
    ['61ff', 0, 'text is not valid UTF-8'],
    ['a1 62c0af 00', 1, 'text is not valid UTF-8'],
    ['63eda080', 0, 'text is not valid UTF-8'],
    ['a1 00 00', 1, 'a map key is not text'],
    ['a1 4161 00', 1, 'a map key is not text'],
    ['a2 6161 00 6161 01', 4, 'a map has the same key twice'],
    ['a2 6162 00 6161 01', 4, 'map keys are not sorted'],
    ['a2 626161 00 6162 01', 5, 'map keys are not sorted'],
    ['818181818181818180', 8, 'items are nested deeper than 8'],
    ['a16161a16161a16161a16161a16161a16161a16161a16161a0', 24, 'items are nested deeper than 8'],
  ])('refuses %s at byte %i: %s', (hex, offset, problem) => {
    const error = refusal(bytesOf(hex));
    expect([error?.message, error?.offset]).toEqual([problem, offset]);
  });

  test('refuses a million arrays inside one another without recursing into them', () => {
    expect(refusal(new Uint8Array(1_000_000).fill(0x81))?.offset).toBe(8);
  });

  test('accepts as many items as the limit, and not one more', () => {
    const zeros = (count: number): Uint8Array => encode(Array.from({ length: count }, () => 0));
    expect(refusal(zeros(CBOR_LIMITS.items - 1))).toBeUndefined();
    expect(refusal(zeros(CBOR_LIMITS.items))?.message).toBe('there are more than 4096 items');
  });

  test('accepts as much text as the limit, and not one byte more', () => {
    expect(refusal(encode(['x'.repeat(CBOR_LIMITS.textBytes - 1), 'y']))).toBeUndefined();
    const error = refusal(encode(['x'.repeat(CBOR_LIMITS.textBytes), 'y']));
    expect(error?.message).toBe('there are more than 65536 bytes of text');
  });

  test('reads nothing of a byte string but its head', () => {
    const pieces = new Map([
      [0, bytesOf('82 5a 30000000')],
      [6 + 0x3000_0000, bytesOf('00')],
    ]);
    const source = counting(sparseSource(6 + 0x3000_0000 + 1, pieces));
    scanCbor(source);
    expect(source.reads).toBeLessThanOrEqual(3);
    expect(source.bytesRead).toBeLessThanOrEqual(1024);
  });

  test.each([
    ['an array of zeros', '9a 3ffffffb'],
    ['an array of arrays', '9a 3ffffffb 9a 3ffffff0 9a 3fffff00'],
    ['text of zeros', '7a 3ffffffb'],
  ])('gives up a gigabyte that is %s after a few reads', (_, hex) => {
    const source = counting(sparseSource(0x4000_0000, new Map([[0, bytesOf(hex)]])));
    expect(() => scanCbor(source)).toThrow(CborError);
    expect(source.bytesRead).toBeLessThan(100_000);
  });

  test('never fails in another way, and accepts only what cborg reads and writes back the same', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.array(fc.constantFrom(0x00, 0x18, 0x40, 0x41, 0x61, 0x62, 0x80, 0x81, 0x82, 0xa1, 0xa2, 0xf4)).map(bytesFrom),
    );
    fc.assert(
      fc.property(bytes, (candidate) => {
        if (refusal(candidate) !== undefined) return;
        const value: unknown = decode(candidate, { strict: true, useMaps: true, rejectDuplicateMapKeys: true });
        expect(encode(value)).toEqual(candidate);
      }),
    );
  });

  test('accepts what cborg writes', () => {
    const value = fc.letrec((tie) => ({
      item: fc.oneof(
        { depthSize: 'small', maxDepth: 7 },
        fc.maxSafeInteger(),
        fc.boolean(),
        fc.string({ unit: 'grapheme' }),
        fc.uint8Array(),
        fc.array(tie('item'), { maxLength: 5 }),
        fc.dictionary(fc.string({ unit: 'grapheme' }), tie('item'), { maxKeys: 5 }),
      ),
    })).item;
    fc.assert(
      fc.property(value, (item) => {
        expect(refusal(encode(item))).toBeUndefined();
      }),
    );
  });
});

describe('scanCborItem', () => {
  test('returns where the item ends, whatever follows', () => {
    expect(scanCborItem(memorySource(bytesOf('ff 82 00 420102 ff')), 1)).toBe(6);
  });
});

function bytesFrom(numbers: number[]): Uint8Array {
  return Uint8Array.from(numbers);
}
