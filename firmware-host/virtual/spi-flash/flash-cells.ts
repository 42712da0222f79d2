/**
 * The cells of a SPI NOR flash, its status registers and the time that changing them takes: a Winbond W25Q128JV, or one
 * of its smaller kin. Data sheet (revision G), sections 7 and 9. How it is told what to do is in `spi-flash.ts`.
 *
 * What is protected is not changed, programming only clears bits, and every change keeps the part busy.
 */

import type { FlashStore } from '../../firmware/flash/flash-store.js';
import { PowerLost, tear } from '../../firmware/flash/power-cut.js';
import type { PowerCut } from '../../firmware/flash/power-cut.js';
import { overlap, protectedArea } from './protected-area.js';

export const PAGE_BYTES = 256;
const SMALLEST_BYTES = 65_536;
const LARGEST_BYTES = 2 ** 24;
const READ_AHEAD_BYTES = 4096;

/** SRP of status register 1: with the WP# pin low the status registers cannot be written. */
const STATUS_PROTECTED = 1 << 7;

/**
 * Bits of the status registers that can be written; in the second one quad enable is fixed, and the lock bits stay 0.
 */
const WRITABLE = [0xfc, 0x41, 0x64] as const;
/** As the part leaves the factory. */
const FACTORY_STATUS = [0x00, 0x02, 0x60] as const;

/** Milliseconds that the part is busy. */
export interface SpiFlashTiming {
  readonly program: number;
  readonly erase4KiB: number;
  readonly erase32KiB: number;
  readonly erase64KiB: number;
  readonly eraseAll: number;
  readonly writeStatus: number;
}

/** Typical, not the longest: data sheet, section 9.6 (a page: 0.4 there, 0.7 in older revisions). */
export const TYPICAL_TIMING: SpiFlashTiming = {
  program: 0.7,
  erase4KiB: 45,
  erase32KiB: 120,
  erase64KiB: 150,
  eraseAll: 40_000,
  writeStatus: 10,
};

export interface SpiFlashOptions {
  /** 64 KiB to 16 MiB, a power of two. */
  readonly store: FlashStore;
  /** Milliseconds that never go back. */
  readonly now: () => number;
  readonly timing?: SpiFlashTiming;
  /** Whether the WP# pin is low. */
  readonly isWpLow?: boolean;
  /** JEDEC number of the maker, Winbond's (EFh) if absent. Only the identity differs: commands stay Winbond's. */
  readonly maker?: number;
}

/** What the bytes at an offset were, and are to be. */
interface Change {
  readonly offset: number;
  readonly from: Uint8Array;
  readonly to: Uint8Array;
}

export class FlashCells {
  readonly #options: SpiFlashOptions;
  readonly #timing: SpiFlashTiming;
  /** The three status registers without the bits that say how the part is. They stay without power. */
  readonly #status: [number, number, number] = [...FACTORY_STATUS];
  #operations = 0;
  #overwrites = 0;
  #cut: PowerCut | undefined;
  #hasPower = true;
  #isWriteEnabled = false;
  #idleAtMs = 0;
  /** The change that keeps it busy. */
  #change: Change | undefined;
  #ahead: { readonly offset: number; readonly bytes: Uint8Array } | undefined;

  /** @throws RangeError for a size that no such part has */
  constructor(options: SpiFlashOptions) {
    const { length } = options.store;
    if (!Number.isInteger(Math.log2(length)) || length < SMALLEST_BYTES || length > LARGEST_BYTES) {
      throw new RangeError(`no SPI flash with 3 address bytes has ${length} bytes`);
    }
    this.#options = options;
    this.#timing = options.timing ?? TYPICAL_TIMING;
  }

  get length(): number {
    return this.#options.store.length;
  }

  /** Erasures, programs and writes of status registers so far. */
  get operations(): number {
    return this.#operations;
  }

  /** Bytes so far that were programmed without being erased: some parts take that, those with ECC do not. */
  get overwrites(): number {
    return this.#overwrites;
  }

  get isBusy(): boolean {
    return this.#options.now() < this.#idleAtMs;
  }

  get hasPower(): boolean {
    return this.#hasPower;
  }

  /** Registers 1 to 3, without busy and write enable. */
  get status(): readonly [number, number, number] {
    return this.#status;
  }

  /** Write enable, which is taken away when a change ends. */
  get isWriteEnabled(): boolean {
    if (!this.isBusy && this.#change !== undefined) this.#endChange();
    return this.#isWriteEnabled;
  }

  enableWrite(isEnabled: boolean): void {
    this.#isWriteEnabled = isEnabled;
  }

  /** As if somebody had written the registers before. */
  setStatus(first: number, second: number): void {
    [this.#status[0], this.#status[1]] = [first & WRITABLE[0], second];
  }

  /**
   * Plans a power cut, counted from now. The operation throws PowerLost, and nothing is heard until {@link powerUp}.
   */
  cutPower(cut: PowerCut): void {
    this.#cut = { ...cut, afterOperations: this.#operations + cut.afterOperations };
  }

  /** The power goes: what it was busy with is torn. @param seed of how */
  powerDown(seed: number): void {
    const change = this.isBusy ? this.#change : undefined;
    if (change !== undefined) {
      this.#options.store.write(change.offset, tear(change.from, change.to, 'random-bits', seed));
    }
    this.#hasPower = false;
  }

  powerUp(): void {
    this.#hasPower = true;
    this.reset();
  }

  /** Ends whatever goes on. */
  reset(): void {
    this.#endChange();
    this.#idleAtMs = 0;
    this.#ahead = undefined;
  }

  byteAt(address: number): number {
    const offset = address % this.length;
    const start = offset - (offset % READ_AHEAD_BYTES);
    if (this.#ahead?.offset !== start) {
      this.#ahead = { offset: start, bytes: this.#options.store.read(start, READ_AHEAD_BYTES) };
    }
    return this.#ahead.bytes[offset - start]!;
  }

  /** @param values of the registers from `first` on @param isVolatile whether that takes no time */
  writeStatus(first: number, values: readonly number[], isVolatile: boolean): void {
    if ((this.#status[0] & STATUS_PROTECTED) !== 0 && this.#options.isWpLow === true) return;
    // Values that power takes away again are kept like the others: nobody here relies on the difference.
    for (const [index, value] of values.entries()) {
      const mask = WRITABLE[first + index]!;
      this.#status[first + index] = (this.#status[first + index]! & ~mask) | (value & mask);
    }
    this.#operations++;
    // Nothing to tear in a register.
    this.#begin(isVolatile ? 0 : this.#timing.writeStatus, {
      offset: 0,
      from: new Uint8Array(0),
      to: new Uint8Array(0),
    });
  }

  /** @param offset a multiple of `length`, which is one of those that there are times for */
  erase(offset: number, length: number): void {
    if (!this.#mayChange(offset, length)) return;
    const { erase4KiB, erase32KiB, erase64KiB, eraseAll } = this.#timing;
    const ms = { 4096: erase4KiB, 32_768: erase32KiB, 65_536: erase64KiB }[length] ?? eraseAll;
    this.#apply(offset, new Uint8Array(length).fill(0xff), ms);
  }

  /**
   * @param address of the first byte
   * @param page 256 bytes, of which so many from there on count, wrapping at the end
   */
  program(address: number, page: Uint8Array, count: number): void {
    const offset = address - (address % PAGE_BYTES);
    if (!this.#mayChange(offset, PAGE_BYTES)) return;
    const to = this.#options.store.read(offset, PAGE_BYTES).slice();
    for (let place = 0; place < count; place++) {
      const at = (address + place) % PAGE_BYTES;
      if (to[at] !== 0xff) this.#overwrites++;
      to[at]! &= page[at]!;
    }
    this.#apply(offset, to, this.#timing.program);
  }

  #mayChange(offset: number, length: number): boolean {
    const area = protectedArea(this.#status[0], this.#status[1], this.length);
    return !overlap(area, { start: offset, end: offset + length });
  }

  #apply(offset: number, to: Uint8Array, busyMs: number): void {
    const from = this.#options.store.read(offset, to.length).slice();
    this.#ahead = undefined;
    const cut = this.#cut;
    if (cut?.afterOperations === this.#operations) {
      const { at, seed } = cut;
      if (at !== 'before') this.#options.store.write(offset, at === 'after' ? to : tear(from, to, at, seed));
      this.#cut = undefined;
      this.#hasPower = false;
      throw new PowerLost();
    }
    this.#operations++;
    this.#options.store.write(offset, to);
    this.#begin(busyMs, { offset, from, to });
  }

  #begin(busyMs: number, change: Change): void {
    this.#idleAtMs = this.#options.now() + busyMs;
    this.#change = change;
  }

  #endChange(): void {
    this.#change = undefined;
    this.#isWriteEnabled = false;
  }
}
