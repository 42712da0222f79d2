import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import zlib from 'node:zlib';

import { crc32, crc32c } from '../../protocol/crc32.js';

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

describe('crc32c', () => {
  // RFC 3720, appendix B.4; the check value of the catalogue of CRCs for the text.
  test.each<[string, Uint8Array, number]>([
    ['"123456789"', ascii('123456789'), 0xe306_9283],
    ['32 zeros', new Uint8Array(32), 0x8a91_36aa],
    ['32 ones', new Uint8Array(32).fill(255), 0x62a8_ab43],
    ['0 … 31', Uint8Array.from({ length: 32 }, (_, index) => index), 0x46dd_794e],
    ['31 … 0', Uint8Array.from({ length: 32 }, (_, index) => 31 - index), 0x113f_db5c],
    ['nothing', new Uint8Array(0), 0],
  ])('of %s is that of the standard', (_, bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected);
  });

  test('tells boot records apart that the CRC-32 at their end makes the same to CRC-32', () => {
    const records = [1, 2].map((revision) => {
      const record = new Uint8Array(16).fill(revision);
      const end = new DataView(record.buffer);
      end.setUint32(12, crc32(record.subarray(0, 12)), true);
      return record;
    });
    expect(new Set(records.map((record) => crc32(record))).size).toBe(1);
    expect(new Set(records.map(crc32c)).size).toBe(2);
  });
});
