import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import zlib from 'node:zlib';

import { crc32 } from '../../protocol/crc32.js';

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('crc32', () => {
  test.each([
    ['', 0],
    // The check value of CRC-32/ISO-HDLC in the catalogue of parametrised CRC algorithms.
    ['123456789', 0xcbf43926],
    // PNG specification: the CRC of every empty IEND chunk.
    ['IEND', 0xae426082],
  ])('of %j is the published value', (text, expected) => {
    expect(crc32(ascii(text))).toBe(expected);
  });

  test('agrees with zlib for any bytes, wherever they start in their buffer', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(16), (bytes, start) => {
        const piece = bytes.subarray(Math.min(start, bytes.length));
        expect(crc32(piece)).toBe(zlib.crc32(piece));
      }),
    );
  });

  test('chains over pieces like zlib', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (first, second) => {
        expect(crc32(second, crc32(first))).toBe(zlib.crc32(Buffer.concat([first, second])));
      }),
    );
  });
});
