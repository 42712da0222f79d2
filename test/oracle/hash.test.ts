import { describe, expect, it } from 'vitest';

import { crc32, crc32OfInt32 } from './crc32.js';
import { threefry2x32 } from './threefry.js';

describe('CRC-32/ISO-HDLC', () => {
  // Check value of the catalogue of parametrised CRC algorithms (reveng.sourceforge.io).
  it('of "123456789" is cbf43926', () => {
    expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926);
  });

  it('of nothing is 0', () => {
    expect(crc32(new Uint8Array())).toBe(0);
  });

  it('of a vector is that of its little-endian int32', () => {
    const bytes = Uint8Array.of(1, 2, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0xc0);
    expect(crc32OfInt32([0x201n, -1n, -(2n ** 30n)])).toBe(crc32(bytes));
  });
});

describe('Threefry-2x32 with 20 rounds', () => {
  // Random123, tests/kat_vectors.
  it.each([
    { counter: [0n, 0n], key: [0n, 0n], words: [0x6b200159n, 0x99ba4efen] },
    { counter: [0xffffffffn, 0xffffffffn], key: [0xffffffffn, 0xffffffffn], words: [0x1cb996fcn, 0xbb002be7n] },
    { counter: [0x243f6a88n, 0x85a308d3n], key: [0x13198a2en, 0x03707344n], words: [0xc4923a9cn, 0x483df7a0n] },
  ] as const)('gives the known answer for counter $counter', ({ counter, key, words }) => {
    expect(threefry2x32(key, counter)).toEqual(words);
  });
});
