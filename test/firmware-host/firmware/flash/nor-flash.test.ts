import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../../../firmware-host/firmware/flash/flash-store.js';
import type { FlashStore } from '../../../../firmware-host/firmware/flash/flash-store.js';
import { FlashFailure, NorFlash } from '../../../../firmware-host/firmware/flash/nor-flash.js';
import { PowerLost, tear, TEAR_PATTERNS } from '../../../../firmware-host/firmware/flash/power-cut.js';

const SECTOR_BYTES = 4096;

const erased = (sectors = 4): NorFlash => new NorFlash(memoryStore(sectors * SECTOR_BYTES), SECTOR_BYTES);
const page = (value: number): Uint8Array => new Uint8Array(256).fill(value);

describe('a NOR flash', () => {
  it('reads ones when it is erased, and what was programmed afterwards', () => {
    const flash = erased();
    expect(flash.read(0, 4)).toEqual(Uint8Array.of(255, 255, 255, 255));
    flash.programPage(256, page(0x5a));
    expect(flash.read(255, 3)).toEqual(Uint8Array.of(255, 0x5a, 0x5a));
    flash.eraseSector(0);
    expect(flash.read(256, 1)).toEqual(Uint8Array.of(255));
    expect(flash.operations).toBe(2);
  });

  it.each<[string, (flash: NorFlash) => void]>([
    ['a page twice', (flash) => [flash.programPage(0, page(1)), flash.programPage(0, page(1))]],
    [
      'the rest of a page',
      (flash) => [flash.programPage(0, page(1).subarray(1)), flash.programPage(255, page(1).subarray(255))],
    ],
    ['across the end of a page', (flash) => flash.programPage(255, page(1).subarray(254))],
    ['more than a page', (flash) => flash.programPage(0, new Uint8Array(257))],
    ['nothing', (flash) => flash.programPage(0, new Uint8Array(0))],
    ['outside', (flash) => flash.programPage(4 * SECTOR_BYTES, page(1))],
  ])('refuses to program %s', (_, program) => {
    expect(() => program(erased())).toThrow(RangeError);
  });

  it.each<[string, (flash: NorFlash) => unknown]>([
    ['to erase from inside a sector', (flash) => flash.eraseSector(256)],
    ['to erase outside', (flash) => flash.eraseSector(4 * SECTOR_BYTES)],
    ['to read beyond its end', (flash) => flash.read(4 * SECTOR_BYTES - 1, 2)],
    ['to read before its start', (flash) => flash.read(-1, 2)],
    ['to have sectors of half a page', () => new NorFlash(memoryStore(4096), 128)],
    ['to end inside a sector', () => new NorFlash(memoryStore(4097), SECTOR_BYTES)],
  ])('refuses %s', (_, use) => {
    expect(() => use(erased())).toThrow(RangeError);
  });

  it('says where it failed when a bit does not change', () => {
    const store = memoryStore(SECTOR_BYTES);
    const stuck: FlashStore = {
      ...store,
      write: (offset, bytes) =>
        store.write(
          offset,
          bytes.map((byte) => byte | 4),
        ),
    };
    const flash = new NorFlash(stuck, SECTOR_BYTES);
    expect(() => flash.programPage(512, page(0))).toThrow(FlashFailure);
    expect(() => flash.programPage(768, page(0))).toThrow('768');
  });

  it('counts the time that its operations take', () => {
    const flash = new NorFlash(memoryStore(SECTOR_BYTES), SECTOR_BYTES, { eraseMs: 45, programMs: 0.5 });
    flash.eraseSector(0);
    flash.programPage(0, page(0));
    flash.programPage(256, page(0));
    expect(flash.takeSpentMs()).toBe(46);
    expect(flash.takeSpentMs()).toBe(0);
  });
});

describe('a power cut', () => {
  it.each([
    ['before' as const, 0xff],
    ['after' as const, 0x00],
  ])('%s an operation leaves it undone or done, and nothing works any more', (at, left) => {
    const store = memoryStore(SECTOR_BYTES);
    const flash = new NorFlash(store, SECTOR_BYTES);
    flash.cutPower({ at, afterOperations: 1, seed: 1 });
    flash.programPage(0, page(0));
    expect(() => flash.programPage(256, page(0))).toThrow(PowerLost);
    expect(store.read(256, 1)).toEqual(Uint8Array.of(left));
    expect(() => flash.read(0, 1)).toThrow(PowerLost);
    expect(() => flash.eraseSector(0)).toThrow(PowerLost);
  });

  it.each(TEAR_PATTERNS)('inside an operation, %s, leaves each bit old or new, but not all of them new', (pattern) => {
    const from = Uint8Array.from({ length: 256 }, (_, index) => index);
    const to = page(0xff);
    for (let seed = 1; seed < 50; seed++) {
      const torn = tear(from, to, pattern, seed);
      torn.forEach((value, index) => expect(value & ~(from[index]! | to[index]!)).toBe(0));
      torn.forEach((value, index) => expect(value | (from[index]! & to[index]!)).toBe(value));
      expect(torn).not.toEqual(to);
    }
  });
});
