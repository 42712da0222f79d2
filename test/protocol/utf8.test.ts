import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { isUtf8, utf8Length } from '../../protocol/utf8.js';

/** What the platform's decoder says. */
function isDecodable(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** Bytes on both sides of every border in table 3-7 of the Unicode standard. */
const BORDERS = [
  0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0,
  0xf1, 0xf3, 0xf4, 0xf5, 0xff,
];

/** The same for a third and fourth byte. */
const LATER_BORDERS = [0x7f, 0x80, 0xbf, 0xc0];

describe('isUtf8', () => {
  test('agrees with TextDecoder on all sequences of up to four border bytes', () => {
    const disagreements: string[] = [];
    const extend = (prefix: number[]): void => {
      const bytes = Uint8Array.from(prefix);
      if (isUtf8(bytes) !== isDecodable(bytes)) disagreements.push(prefix.join(' '));
      if (prefix.length === 4) return;
      for (const border of prefix.length < 2 ? BORDERS : LATER_BORDERS) extend([...prefix, border]);
    };
    extend([]);
    expect(disagreements).toEqual([]);
  });

  test('agrees with TextDecoder on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(isUtf8(bytes)).toBe(isDecodable(bytes));
      }),
    );
  });
});

test('every text is valid, and as long as TextEncoder makes it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const bytes = new TextEncoder().encode(text);
      expect([isUtf8(bytes), utf8Length(text)]).toEqual([true, bytes.length]);
    }),
  );
});
