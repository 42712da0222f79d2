/** How long reads of flash take: RP2040 data sheet, 2.6.3 and 4.10; Winbond W25Q16JV, 8.2.13 (EBh). */

import { beforeEach, describe, expect, it } from 'vitest';
import { memoryStore } from '../../../../firmware-host/firmware/flash/flash-store.js';
import { Ssi } from '../../../../firmware-host/virtual/pico/ssi.js';
import { Xip } from '../../../../firmware-host/virtual/pico/xip.js';

let clockHz = 125_000_000;
const [CONTROL_0, ENABLE, DIVIDER, STATUS, DATA, SPI_CONTROL_0] = [0x00, 0x08, 0x14, 0x28, 0x60, 0xf4];
const QUAD_FRAMES = (2 << 21) | (31 << 16) | (3 << 8);
const WITH_COMMAND = (4 << 11) | (2 << 8) | (8 << 2) | 1;
const WITHOUT_COMMAND = (0xa0 << 24) | (4 << 11) | (8 << 2) | 2;
const BASE = 0x1000_0000;
const NOT_CACHED = 0x1200_0000;
/** 28 clocks of the flash, each of which is two of the system. */
const LINE_CYCLES = 56;
const WORD_CYCLES = 40;
/** 96 clocks at a sixth. */
const SLOW_LINE_CYCLES = 576;

describe('the window to the flash', () => {
  let ssi: Ssi;
  let xip: Xip;
  beforeEach(() => {
    clockHz = 125_000_000;
    ssi = new Ssi(
      memoryStore(2 ** 21),
      () => 0,
      () => clockHz,
    );
    xip = new Xip(ssi);
  });

  function write(...registers: readonly (readonly [number, number])[]): void {
    for (const [offset, value] of registers) ssi.writeUint32(offset, value);
  }

  function goQuick(mode = 0xa0): void {
    write([ENABLE, 0], [DIVIDER, 2], [CONTROL_0, QUAD_FRAMES], [SPI_CONTROL_0, WITH_COMMAND], [ENABLE, 1]);
    write([DATA, 0xeb], [DATA, mode], [ENABLE, 0], [SPI_CONTROL_0, WITHOUT_COMMAND], [ENABLE, 1]);
  }

  it('costs a line where it misses, nothing where it hits', () => {
    goQuick();
    expect(xip.wait(BASE + 64, 100)).toBe(LINE_CYCLES);
    expect(xip.wait(BASE + 68, 200)).toBe(0);
    expect(xip.wait(BASE + 72, 300)).toBe(LINE_CYCLES);
    expect(xip.misses).toBe(2);
  });

  it('makes a second reader wait for the first one, though its line is there', () => {
    goQuick();
    xip.wait(BASE, 0);
    xip.wait(BASE + 8, 100);
    expect(xip.wait(BASE, 110)).toBe(LINE_CYCLES - 10);
  });

  it('keeps two lines of a set, those used last', () => {
    goQuick();
    const ways = [0, 1, 2].map((way) => BASE + way * 8192);
    for (const [index, way] of [ways[0]!, ways[1]!, ways[0]!, ways[2]!].entries()) xip.wait(way, 1000 * index);
    expect(xip.wait(ways[0]!, 10_000)).toBe(0);
    expect(xip.wait(ways[1]!, 20_000)).toBe(LINE_CYCLES);
  });

  it('reads words only, each anew, where it is not to keep them', () => {
    goQuick();
    expect(xip.wait(NOT_CACHED, 0)).toBe(WORD_CYCLES);
    expect(xip.wait(NOT_CACHED, 1000)).toBe(WORD_CYCLES);
  });

  it('is slow as the boot ROM leaves it', () => {
    ssi.enterSlowXip();
    expect(xip.wait(BASE, 0)).toBe(SLOW_LINE_CYCLES);
  });

  it('gives nothing where the part and the window do not agree', () => {
    expect(() => xip.wait(BASE, 0)).toThrow('cannot be');
    goQuick(0);
    expect(() => xip.wait(BASE, 0)).toThrow('cannot be');
    ssi.leaveXip();
    ssi.enterSlowXip();
    expect(xip.wait(BASE, 0)).toBe(SLOW_LINE_CYCLES);
    xip.wait(BASE + 8, 1000);
    ssi.leaveXip();
    expect(() => xip.wait(BASE, 2000)).toThrow('cannot be');
  });

  it('gives nothing where its clock is too fast for the part', () => {
    goQuick();
    clockHz = 300e6;
    expect(() => xip.wait(BASE, 0)).toThrow('150 MHz, which is too fast');
    ssi.leaveXip();
    ssi.enterSlowXip();
    expect(xip.wait(BASE, 0)).toBe(SLOW_LINE_CYCLES);
    clockHz = 306e6;
    expect(() => xip.wait(BASE + 8, 1000)).toThrow('51 MHz, which is too fast');
  });

  it('answers commands with what the part says', () => {
    ssi.leaveXip();
    ssi.forceSelect(true);
    write(...[0x9f, 0, 0, 0].map((byte) => [DATA, byte] as const));
    expect(ssi.readUint32(STATUS) & 8).toBe(8);
    expect([0, 1, 2, 3].map(() => ssi.readUint32(DATA))).toEqual([0xff, 0xef, 0x40, 21]);
  });
});
