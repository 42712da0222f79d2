/** What would be a fault of an RP2040 ends its run. Programs are what the boot ROM takes for a second stage. */

import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../../../firmware-host/firmware/flash/flash-store.js';
import { PicoChip } from '../../../../firmware-host/virtual/pico/pico-chip.js';

const FLASH_BYTES = 2 ** 21;
const CHECKED_BYTES = 252;
const CYCLES = 1000;

/** movs r0, #value; lsls r0, r0, #shift */
function address(value: number, shift: number): readonly number[] {
  return [0x2000 | value, shift << 6];
}
const RAM = address(1, 29);
const FLASH = address(1, 28);
const NOTHING = address(3, 28);
const ADD_2 = 0x3002;
const LOAD_WORD = 0x6801;
const LOAD_HALF = 0x8801;
const STORE_WORD = 0x6001;
const STAY = 0xe7fe;
const UNDEFINED = 0xde00;
const WFI = 0xbf30;

function flashWith(program: readonly number[]): Uint8Array {
  const flash = new Uint8Array(FLASH_BYTES).fill(0xff);
  const view = new DataView(flash.buffer);
  for (const [index, opcode] of program.entries()) view.setUint16(2 * index, opcode, true);
  let crc = -1;
  for (const byte of flash.subarray(0, CHECKED_BYTES)) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc < 0 ? (crc << 1) ^ 0x04c1_1db7 : crc << 1;
  }
  view.setInt32(CHECKED_BYTES, crc, true);
  return flash;
}

function chipWith(program: readonly number[]): PicoChip {
  return new PicoChip({ flash: memoryStore(flashWith(program)), onUart: () => {} });
}

describe('an emulated RP2040', () => {
  it('runs what its flash begins with', () => {
    const chip = chipWith([...RAM, STORE_WORD, LOAD_WORD, STAY]);
    chip.run(CYCLES);
    expect(chip.cycles).toBeGreaterThanOrEqual(CYCLES);
  });

  it('does not start where the checksum of the second stage is wrong', () => {
    const flash = flashWith([STAY]);
    flash[8]! ^= 1;
    expect(() => new PicoChip({ flash: memoryStore(flash), onUart: () => {} })).toThrow('no second stage');
  });

  it.each([
    ['a word that is unaligned', [...RAM, ADD_2, LOAD_WORD], 'unaligned'],
    ['a half word that is unaligned', [...RAM, 0x3001, LOAD_HALF], 'unaligned'],
    ['a read where nothing is', [...NOTHING, LOAD_WORD], 'where nothing is'],
    ['a write where nothing is', [...NOTHING, STORE_WORD], 'nothing can be written'],
    ['a store into the flash', [...FLASH, STORE_WORD], 'nothing can be written'],
    ['a read of flash whose window is closed', [...FLASH, LOAD_WORD], 'while it cannot be'],
    ['an instruction that does not exist', [UNDEFINED], 'undefined instruction'],
  ])('ends with an error at %s', (_, program, message) => {
    expect(() => chipWith([...program, STAY]).run(CYCLES)).toThrow(message);
  });

  it('lets time pass while a processor sleeps', () => {
    const chip = chipWith([WFI, STAY]);
    chip.run(CYCLES);
    expect(chip.cycles).toBeGreaterThanOrEqual(CYCLES);
  });
});
