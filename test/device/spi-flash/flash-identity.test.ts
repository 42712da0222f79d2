/** Identities and status bits by the data sheets of the parts. */

import { describe, expect, it } from 'vitest';
import { identityOf, isNobody, protectionOf, unprotected } from '../../../device/spi-flash/flash-identity.js';

describe('a JEDEC identity', () => {
  it.each([
    ['W25Q128JV', [0xef, 0x40, 0x18], 'Winbond', 2 ** 24],
    ['W25Q32JV', [0xef, 0x40, 0x16], 'Winbond', 2 ** 22],
    ['N25Q032A of the iCEstick', [0x20, 0xba, 0x16], 'Micron', 2 ** 22],
    ['MX25L12835F', [0xc2, 0x20, 0x18], 'Macronix', 2 ** 24],
    ['AT25SF041', [0x1f, 0x84, 0x01], 'Renesas', 2 ** 19],
    ['IS25LP128', [0x9d, 0x60, 0x18], 'ISSI', 2 ** 24],
    ['MT25QL512, of which three address bytes reach a quarter', [0x20, 0xba, 0x20], 'Micron', 2 ** 24],
    ['a part of somebody else', [0x5e, 0x40, 0x17], 'unknown', 2 ** 23],
  ])('of a %s says how large it is', (_, id, manufacturer, flashBytes) => {
    expect(identityOf(Uint8Array.from(id))).toMatchObject({ manufacturer, flashBytes });
  });

  it('that is none is nobody, or not known', () => {
    expect([0, 0xff].map((byte) => isNobody(new Uint8Array(3).fill(byte)))).toEqual([true, true]);
    expect(isNobody(Uint8Array.of(0xff, 0xff, 0xfe))).toBe(false);
    for (const id of [
      [0xef, 0x40, 0x0f],
      [0xef, 0x40, 0x23],
      [0x77, 0x77, 0x77],
    ]) {
      expect(identityOf(Uint8Array.from(id))).toBeUndefined();
    }
  });
});

describe('protection', () => {
  it.each([
    ['Winbond', 0xef, 0x00, 0x02, ''],
    ['Winbond, of a place that nothing lies in', 0xef, 0x60, 0x02, ''],
    ['Winbond', 0xef, 0x3c, 0x02, 'BP0 BP1 BP2 TB'],
    ['Winbond, inverted', 0xef, 0x00, 0x42, 'CMP'],
    ['Macronix, with quad enable', 0xc2, 0x40, 0x00, ''],
    ['Micron', 0x20, 0x40, 0x00, 'BP3'],
  ])('of %s (%d): status %d %d is %j', (_, maker, status, second, bits) => {
    expect(protectionOf(Uint8Array.of(maker, 0, 0), status, second)).toBe(bits);
  });

  it('is cleared without what else the registers hold', () => {
    expect(unprotected(Uint8Array.of(0xef, 0, 0), 0xff, 0x43)).toEqual([0x80, 0x03]);
    expect(unprotected(Uint8Array.of(0xc2, 0, 0), 0x7f, 0x00)).toEqual([0x40]);
  });
});
