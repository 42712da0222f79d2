/**
 * The functions of the RP2040's boot ROM that the firmware calls (data sheet, 2.8.3), as stand-ins: the package has no
 * ROM. They are run when a processor fetches their first instruction, which then branches to itself for as long as they
 * take: so interrupts are served meanwhile, as on the chip.
 */

import type { RP2040 } from 'rp2040js';

type Core = RP2040['core'];

/** What the ROM does to the world around the processor. */
export interface RomEffects {
  /** Makes bytes of the flash ones. Both are multiples of a sector. @returns milliseconds */
  erase(offset: number, length: number): number;
  /** Whole pages, from memory. @returns milliseconds */
  program(offset: number, from: number, length: number): number;
  /** EX: the flash hears commands, and cannot be read at its addresses. */
  leaveXip(): void;
  /** FC: the cache forgets what it has. */
  flushCache(): void;
  /** CX: the flash can be read at its addresses, slowly. */
  enterSlowXip(): void;
  /** The chip goes to the mode in which it is a drive. */
  toBootMode(): void;
}

export const ROM_BYTES = 16 * 1024;
/** Half words that point to the table of functions, and to the function that looks there. */
const TABLE_POINTER = 0x14;
const LOOKUP_POINTER = 0x18;
const TABLE = 0x80;
const FUNCTIONS = 0x100;
/** A word each: where it begins, and the return. */
const FUNCTION_BYTES = 4;
const BX_LR = 0x4770;
const NOP = 0xbf00;
const BRANCH_TO_ITSELF = 0xe7fe;
/** While a function takes its time nothing happens in this processor but interrupts: it is counted in such steps. */
const STEP_CYCLES = 1000;

type RomFunction = (registers: Uint32Array, effects: RomEffects) => number | void;

/** The first one looks the others up, by their codes. */
const ROM: readonly (readonly [code: string, run: RomFunction])[] = [
  ['', (registers) => void (registers[0] = entryOf(registers[1]!))],
  ['IF', () => {}],
  ['EX', (_, effects) => effects.leaveXip()],
  ['RE', ([offset = 0, length = 0], effects) => effects.erase(offset, length)],
  ['RP', ([offset = 0, from = 0, length = 0], effects) => effects.program(offset, from, length)],
  ['FC', (_, effects) => effects.flushCache()],
  ['CX', (_, effects) => effects.enterSlowXip()],
  ['UB', (_, effects) => effects.toBootMode()],
];

export class BootRom {
  readonly #effects: RomEffects;
  readonly #clockHz: () => number;
  readonly #words = new DataView(new ArrayBuffer(ROM_BYTES));
  /** When the function that runs is done. */
  #until: number | undefined;

  /** @param clockHz of the processor, now */
  constructor(effects: RomEffects, clockHz: () => number) {
    this.#effects = effects;
    this.#clockHz = clockHz;
    this.#words.setUint16(TABLE_POINTER, TABLE, true);
    this.#words.setUint16(LOOKUP_POINTER, FUNCTIONS | 1, true);
    for (const [index] of ROM.entries()) this.#words.setUint16(FUNCTIONS + FUNCTION_BYTES * index + 2, BX_LR, true);
  }

  read(address: number, bytes: number): number {
    if (bytes === 1) return this.#words.getUint8(address);
    return bytes === 2 ? this.#words.getUint16(address, true) : this.#words.getUint32(address, true);
  }

  /** @throws Error where there is no function */
  fetch(address: number, core: Core): number {
    const index = (address - FUNCTIONS) / FUNCTION_BYTES;
    const run = ROM[Math.floor(index)]?.[1];
    if (index < 0 || run === undefined)
      throw new Error('code is fetched from the boot ROM where no function of it begins');
    if (!Number.isInteger(index)) return this.read(address, 2);
    this.#until ??= core.cycles + (run(core.registers, this.#effects) ?? 0) * (this.#clockHz() / 1000);
    const left = this.#until - core.cycles;
    if (left > 0) {
      core.cycles += Math.min(left, STEP_CYCLES);
      return BRANCH_TO_ITSELF;
    }
    this.#until = undefined;
    return NOP;
  }
}

/** 0 if there is no such function. */
function entryOf(code: number): number {
  const index = ROM.findIndex(([name]) => name !== '' && (name.charCodeAt(0) | (name.charCodeAt(1) << 8)) === code);
  return index < 0 ? 0 : (FUNCTIONS + FUNCTION_BYTES * index) | 1;
}
