import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../../../firmware-host/firmware/flash/flash-store.js';
import { NorFlash, PAGE_BYTES } from '../../../../firmware-host/firmware/flash/nor-flash.js';
import { Slots } from '../../../../firmware-host/firmware/flash/slots.js';

const SECTOR_BYTES = 4096;
const flashOf = (sectors: number): NorFlash => new NorFlash(memoryStore(sectors * SECTOR_BYTES), SECTOR_BYTES);
const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => (7 * index) & 0xfe);

describe('a slot', () => {
  it.each([1, 255, 256, 257, 2048, SECTOR_BYTES])('takes %i bytes, one program for each page', (length) => {
    const flash = flashOf(6);
    const slots = new Slots(flash, 2);
    slots.program(1, SECTOR_BYTES, bytes(length));
    expect(slots.source(1).read(SECTOR_BYTES, length)).toEqual(bytes(length));
    expect(flash.operations).toBe(Math.ceil(length / PAGE_BYTES));
  });

  it.each([0, 1])('%i is erased one sector at a time, and no other with it', (slot) => {
    const flash = flashOf(6);
    for (let page = 0; page < flash.length; page += PAGE_BYTES) flash.programPage(page, bytes(PAGE_BYTES));
    const before = flash.read(0, flash.length).slice();
    new Slots(flash, 2).eraseSector(slot, SECTOR_BYTES);
    const start = (2 + 2 * slot + 1) * SECTOR_BYTES;
    before.fill(0xff, start, start + SECTOR_BYTES);
    expect(flash.read(0, flash.length)).toEqual(before);
  });

  it('reads no byte behind the length that was asked for, nor before its start', () => {
    const source = new Slots(flashOf(6), 2).source(0, 1000);
    expect(source.length).toBe(1000);
    expect(source.read(999, 1).length).toBe(1);
    expect(source.read(1000, 0).length).toBe(0);
    for (const [offset, length] of [
      [999, 2],
      [-1, 1],
      [0, -1],
    ] as const) {
      expect(() => source.read(offset, length)).toThrow(RangeError);
    }
  });

  it('shares the flash so that an odd sector at its end belongs to nobody', () => {
    const flash = flashOf(7);
    const slots = new Slots(flash, 2);
    slots.program(1, slots.bytes - PAGE_BYTES, bytes(PAGE_BYTES));
    expect(flash.read(6 * SECTOR_BYTES, SECTOR_BYTES).every((byte) => byte === 0xff)).toBe(true);
  });
});

describe('slots', () => {
  it.each([
    [1 as const, 8, 6],
    [2 as const, 8, 3],
    [2 as const, 9, 3],
  ])('%i of them share what the boot table leaves of %i sectors', (count, sectors, each) => {
    expect(new Slots(flashOf(sectors), count).bytes).toBe(each * SECTOR_BYTES);
  });

  it('do not overlap each other or the boot table', () => {
    const flash = flashOf(8);
    const slots = new Slots(flash, 2);
    slots.program(0, 0, new Uint8Array(256).fill(1));
    slots.program(1, 0, new Uint8Array(256).fill(2));
    slots.program(1, slots.bytes - 256, new Uint8Array(256).fill(3));
    expect([flash.read(2 * 4096, 1)[0], flash.read(5 * 4096, 1)[0], flash.read(8 * 4096 - 1, 1)[0]]).toEqual([1, 2, 3]);
    slots.eraseSector(0, 0);
    expect([slots.source(0).read(0, 1)[0], slots.source(1).read(0, 1)[0]]).toEqual([255, 2]);
  });

  it('need room', () => {
    expect(() => new Slots(flashOf(3), 2)).toThrow('no room');
  });

  it.each([-1, 2, 0.5])('have no number %d', (slot) => {
    expect(() => new Slots(flashOf(8), 2).source(slot)).toThrow('no slot');
  });
});
