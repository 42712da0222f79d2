/** UF2 against blocks written by hand from its description, github.com/microsoft/uf2. */

import { describe, expect, it } from 'vitest';
import { decodeUf2, encodeUf2, joinUf2, UF2_FAMILY } from '../../protocol/uf2.js';

const { rp2040, rp2350 } = UF2_FAMILY;
const bytes = Uint8Array.from({ length: 300 }, (_, index) => index);
const file = encodeUf2(rp2040, [
  { address: 0x1000_0000, bytes },
  { address: 0x1002_2000, bytes: Uint8Array.of(9) },
]);

describe('a UF2 file', () => {
  it('has the blocks of its description', () => {
    const words = (block: number): string[] =>
      Array.from({ length: 8 }, (_, word) =>
        Buffer.from(file)
          .readUInt32LE(512 * block + 4 * word)
          .toString(16),
      );
    const magic = ['a324655', '9e5d5157', '2000'];
    expect([0, 1, 2].map(words)).toEqual([
      [...magic, '10000000', '100', '0', '3', 'e48bff56'],
      [...magic, '10000100', '100', '1', '3', 'e48bff56'],
      [...magic, '10022000', '100', '2', '3', 'e48bff56'],
    ]);
    expect(file.length).toBe(3 * 512);
    expect(Buffer.from(file).readUInt32LE(508).toString(16)).toBe('ab16f30');
  });

  it('is read as the chips of a family do: what is for others is ignored', () => {
    const both = new Uint8Array(Buffer.concat([file, encodeUf2(rp2350, [{ address: 0x1000_0000, bytes }])]));
    expect(decodeUf2(both, rp2040)).toEqual(decodeUf2(file, rp2040));
    expect(decodeUf2(file, rp2350)).toEqual([]);
    expect(decodeUf2(both, rp2350)?.map(({ address, bytes: { length } }) => [address, length])).toEqual([
      [0x1000_0000, 256],
      [0x1000_0100, 256],
    ]);
  });

  it('for two families ends with the last block of each, and holds for each what its own file does', () => {
    const shorter = encodeUf2(rp2350, [{ address: 0x1000_0000, bytes }]);
    const both = joinUf2([file, shorter]);
    expect(both.length).toBe(file.length + shorter.length);
    for (const family of [rp2040, rp2350]) {
      const alone = decodeUf2(family === rp2040 ? file : shorter, family);
      expect(decodeUf2(both, family)).toEqual(alone);
    }
    const families = Array.from({ length: 5 }, (_, block) => Buffer.from(both).readUInt32LE(512 * block + 28));
    expect(families).toEqual([rp2040, rp2040, rp2350, rp2040, rp2350]);
  });

  it.each([
    ['nothing', 0, undefined],
    ['half a block', 256, undefined],
    ['another beginning', 512, 0],
    ['another end', 512, 508],
    ['more payload than there is room for', 512, 18],
  ])('is none with %s', (_, length, damaged) => {
    const other = file.slice(0, length);
    if (damaged !== undefined) other[damaged] = 1;
    expect(decodeUf2(other, rp2040)).toBeUndefined();
  });

  it('gives no chip what is not for flash, or names no family', () => {
    for (const flags of [0x2001, 0]) {
      const other = Buffer.from(file.slice(0, 512));
      other.writeUInt32LE(flags, 8);
      expect(decodeUf2(other, rp2040)).toEqual([]);
    }
  });
});
