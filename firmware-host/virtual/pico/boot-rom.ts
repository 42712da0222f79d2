/**
 * The functions of the RP2040's boot ROM that the firmware calls (data sheet, 2.8.3), as stand-ins: the package has no
 * ROM. Each is a BKPT, at which the emulator calls what is given here, and a return.
 */

import type { RP2040 } from 'rp2040js';

/** What the ROM does to the world around the processor. */
export interface RomEffects {
  /** Makes bytes of the flash ones. Both are multiples of a sector. */
  erase(offset: number, length: number): void;
  /** Whole pages. */
  program(offset: number, bytes: Uint8Array): void;
  /** Whether the flash can be read at its addresses. */
  setMapped(isMapped: boolean): void;
  /** The chip goes to the mode in which it is a drive. */
  toBootMode(): void;
}

const RAM = 0x2000_0000;
const ROM_BYTES = 16 * 1024;
/** Half words that point to the table of functions, and to the function that looks there. */
const TABLE_POINTER = 0x14;
const LOOKUP_POINTER = 0x18;
const TABLE = 0x80;
const FUNCTIONS = 0x100;
/** Of the stand-ins for both: BKPT and BX LR. */
const FUNCTION_BYTES = 4;
const BKPT = 0xbe00;
const BX_LR = 0x4770;

type RomFunction = (registers: Uint32Array, chip: RP2040, effects: RomEffects) => void;

/** The first one looks the others up, by their codes. */
const ROM: readonly (readonly [code: string, run: RomFunction])[] = [
  ['', (registers) => (registers[0] = entryOf(registers[1]!))],
  ['IF', () => {}],
  ['EX', (_registers, _chip, effects) => effects.setMapped(false)],
  ['RE', ([offset = 0, length = 0], _chip, effects) => effects.erase(offset, length)],
  ['RP', ([offset = 0, from = 0, length = 0], chip, effects) => effects.program(offset, ramAt(chip, from, length))],
  ['FC', () => {}],
  ['CX', (_registers, _chip, effects) => effects.setMapped(true)],
  ['UB', (_registers, _chip, effects) => effects.toBootMode()],
];

/**
 * Puts the stand-ins into the chip. A break anywhere else is a fault of the firmware. @throws Error at such a break,
 * later
 */
export function installBootRom(chip: RP2040, effects: RomEffects): void {
  const rom = new DataView(new ArrayBuffer(ROM_BYTES));
  rom.setUint16(TABLE_POINTER, TABLE, true);
  rom.setUint16(LOOKUP_POINTER, FUNCTIONS | 1, true);
  for (const [index] of ROM.entries()) {
    const at = FUNCTIONS + FUNCTION_BYTES * index;
    rom.setUint16(at, BKPT | index, true);
    rom.setUint16(at + 2, BX_LR, true);
  }
  for (let word = 0; word < ROM_BYTES / 4; word++) chip.bootrom[word] = rom.getUint32(4 * word, true);
  chip.onBreak = (index) => {
    const at = chip.core.PC - 2;
    const [, run] = ROM[index] ?? [];
    if (run === undefined || at !== FUNCTIONS + FUNCTION_BYTES * index) {
      throw new Error(`the processor stopped at 0x${at.toString(16)}`);
    }
    run(chip.core.registers, chip, effects);
  };
}

/** 0 if there is no such function. */
function entryOf(code: number): number {
  const index = ROM.findIndex(([name]) => name !== '' && (name.charCodeAt(0) | (name.charCodeAt(1) << 8)) === code);
  return index < 0 ? 0 : (FUNCTIONS + FUNCTION_BYTES * index) | 1;
}

function ramAt(chip: RP2040, address: number, length: number): Uint8Array {
  return chip.sram.slice(address - RAM, address - RAM + length);
}
