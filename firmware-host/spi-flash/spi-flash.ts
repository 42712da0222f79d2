/**
 * A SPI NOR flash at its pins: a Winbond W25Q128JV, or one of its smaller kin. Data sheet (revision G), sections 6 to 9.
 *
 * It does what the part does with the mistakes of its host: without write enable, while it is busy or asleep, in a
 * protected area, or with a command that ends in the middle of a byte, it does nothing and says nothing. Programming only
 * clears bits, and wraps at the end of a page. Mode 0, one wire each way; the commands for two and four are not heard.
 */

import { PowerLost, tear } from '../flash/power-cut.js';
import type { PowerCut } from '../flash/power-cut.js';
import type { FlashStore } from '../flash/flash-store.js';
import { overlap, protectedArea } from './protected-area.js';

const COMMAND = {
  writeStatus: 0x01,
  program: 0x02,
  read: 0x03,
  writeDisable: 0x04,
  readStatus1: 0x05,
  writeEnable: 0x06,
  fastRead: 0x0b,
  writeStatus3: 0x11,
  readStatus3: 0x15,
  erase4KiB: 0x20,
  writeStatus2: 0x31,
  readStatus2: 0x35,
  readUniqueId: 0x4b,
  volatileWriteEnable: 0x50,
  erase32KiB: 0x52,
  eraseAllToo: 0x60,
  enableReset: 0x66,
  readManufacturer: 0x90,
  reset: 0x99,
  readIdentity: 0x9f,
  wakeUp: 0xab,
  sleep: 0xb9,
  eraseAll: 0xc7,
  erase64KiB: 0xd8,
} as const;

const ERASED_BYTES: ReadonlyMap<number, number> = new Map([
  [COMMAND.erase4KiB, 4096],
  [COMMAND.erase32KiB, 32_768],
  [COMMAND.erase64KiB, 65_536],
]);

/** Heard also while the part is busy. */
const STATUS_READS: ReadonlySet<number> = new Set([COMMAND.readStatus1, COMMAND.readStatus2, COMMAND.readStatus3]);

/** Of status register 1. */
const BUSY = 1;
const WRITE_ENABLED = 2;
/** SRP: with the WP# pin low the status registers cannot be written. */
const STATUS_PROTECTED = 1 << 7;

/** Bits of the status registers that can be written; in the second one quad enable is fixed, and the lock bits stay 0. */
const WRITABLE = [0xfc, 0x41, 0x64] as const;
/** As the part leaves the factory. */
const FACTORY_STATUS = [0x00, 0x02, 0x60] as const;

const PAGE_BYTES = 256;
const SMALLEST_BYTES = 65_536;
const LARGEST_BYTES = 2 ** 24;
const READ_AHEAD_BYTES = 4096;

const WINBOND = 0xef;
const MEMORY_TYPE = 0x40;
/** Of the older commands 90h and ABh, less the capacity in the JEDEC identity. */
const DEVICE_ID_OFFSET = 1;
const UNIQUE_ID = Uint8Array.of(0xd2, 0x64, 0x1c, 0x21, 0x83, 0x58, 0x36, 0x2b);

/** Until commands are heard after a wake-up: t_RES1. */
const WAKE_UP_MS = 0.003;

/** Nobody drives the wire, and it is pulled up. */
const NOBODY = 0xff;

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
}

/** What the bytes at an offset were, and are to be. */
interface Change {
  readonly offset: number;
  readonly from: Uint8Array;
  readonly to: Uint8Array;
}

export class SpiFlash {
  readonly #options: SpiFlashOptions;
  readonly #timing: SpiFlashTiming;
  readonly #capacity: number;
  /** The three status registers without the bits that say how the part is. They stay without power. */
  readonly #status: [number, number, number] = [...FACTORY_STATUS];
  #operations = 0;
  #overwrites = 0;
  #cut: PowerCut | undefined;
  #isDead = false;
  // What power takes away.
  #isWriteEnabled = false;
  #isVolatileEnabled = false;
  #isAsleep = false;
  #isResetEnabled = false;
  #awakeAtMs = 0;
  #idleAtMs = 0;
  /** The change that keeps it busy. */
  #change: Change | undefined;
  // The command that comes in.
  #isSelected = false;
  #isHeard = false;
  #opcode = 0;
  #received = 0;
  #address = 0;
  /** Bits of a byte that is not whole, and how many. */
  #bits = 0;
  #bitCount = 0;
  /** The byte that goes out meanwhile. */
  #outgoing = NOBODY;
  readonly #page = new Uint8Array(PAGE_BYTES);
  #pageBytes = 0;
  readonly #readAhead: { offset: number; bytes: Uint8Array } = { offset: -1, bytes: new Uint8Array(0) };

  /** @throws RangeError for a size that no such part has */
  constructor(options: SpiFlashOptions) {
    const { length } = options.store;
    const capacity = Math.log2(length);
    if (!Number.isInteger(capacity) || length < SMALLEST_BYTES || length > LARGEST_BYTES) {
      throw new RangeError(`no SPI flash with 3 address bytes has ${length} bytes`);
    }
    this.#options = options;
    this.#timing = options.timing ?? TYPICAL_TIMING;
    this.#capacity = capacity;
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

  get isAsleep(): boolean {
    return this.#isAsleep;
  }

  /** Registers 1 to 3, without busy and write enable. */
  get status(): readonly [number, number, number] {
    return this.#status;
  }

  /** As if somebody had written the registers before. */
  setStatus(first: number, second: number): void {
    [this.#status[0], this.#status[1]] = [first & WRITABLE[0], second];
  }

  /** Plans a power cut, counted from now. The operation throws PowerLost, and nothing is heard until {@link powerUp}. */
  cutPower(cut: PowerCut): void {
    this.#cut = { ...cut, afterOperations: this.#operations + cut.afterOperations };
  }

  /** The power goes: what it was busy with is torn. @param seed of how */
  powerDown(seed: number): void {
    const change = this.isBusy ? this.#change : undefined;
    if (change !== undefined) {
      this.#options.store.write(change.offset, tear(change.from, change.to, 'random-bits', seed));
    }
    this.#isDead = true;
  }

  powerUp(): void {
    this.#isDead = false;
    this.#restart();
    this.#isAsleep = false;
    this.#isSelected = false;
  }

  /** CS# goes low. */
  select(): void {
    this.#isSelected = true;
    this.#isHeard = !this.#isDead;
    [this.#received, this.#bitCount, this.#address, this.#pageBytes] = [0, 0, 0, 0];
  }

  /** CS# goes high, which is when a command that changes something is carried out. */
  deselect(): void {
    if (!this.#isSelected) return;
    this.#isSelected = false;
    if (this.#isHeard && this.#bitCount === 0 && this.#received > 0) this.#execute();
  }

  /** Clocks. @param mosi of which the lowest `bits` go in, the highest of them first @returns what comes out */
  exchange(mosi: number, bits = 8): number {
    if (!this.#isSelected) return NOBODY >> (8 - bits);
    if (bits === 8 && this.#bitCount === 0) {
      const miso = this.#output();
      this.#take(mosi);
      return miso;
    }
    let miso = 0;
    for (let bit = bits - 1; bit >= 0; bit--) {
      if (this.#bitCount === 0) this.#outgoing = this.#output();
      this.#bits = ((this.#bits << 1) | ((mosi >> bit) & 1)) & 0xff;
      miso = (miso << 1) | ((this.#outgoing >> (7 - this.#bitCount)) & 1);
      this.#bitCount = (this.#bitCount + 1) % 8;
      if (this.#bitCount === 0) this.#take(this.#bits);
    }
    return miso;
  }

  #take(byte: number): void {
    const index = this.#received++;
    if (index === 0) {
      this.#opcode = byte;
      this.#isHeard &&= this.#hears(byte);
      return;
    }
    if (index <= 3) this.#address = ((this.#address << 8) | byte) % this.length;
    // Of a status register, or of a page.
    const place = this.#opcode === COMMAND.program ? index - 4 : index - 1;
    if (place < 0) return;
    const column = this.#opcode === COMMAND.program ? this.#address : 0;
    this.#page[(column + place) % PAGE_BYTES] = byte;
    this.#pageBytes = Math.min(this.#pageBytes + 1, PAGE_BYTES);
  }

  #hears(opcode: number): boolean {
    if (this.#isAsleep) return opcode === COMMAND.wakeUp;
    if (this.#options.now() < this.#awakeAtMs) return false;
    return !this.isBusy || STATUS_READS.has(opcode);
  }

  /** The byte that goes out while byte `received` comes in. */
  #output(): number {
    const index = this.#received;
    if (!this.#isHeard || index === 0) return NOBODY;
    switch (this.#opcode) {
      case COMMAND.readStatus1:
        return this.#status[0] | (this.isBusy ? BUSY : 0) | (this.#isEnabledNow() ? WRITE_ENABLED : 0);
      case COMMAND.readStatus2:
        return this.#status[1];
      case COMMAND.readStatus3:
        return this.#status[2];
      case COMMAND.readIdentity:
        return [WINBOND, MEMORY_TYPE, this.#capacity][index - 1] ?? 0;
      case COMMAND.readManufacturer:
        if (index < 4) return NOBODY;
        return (index + this.#address) % 2 === 0 ? WINBOND : this.#capacity - DEVICE_ID_OFFSET;
      case COMMAND.wakeUp:
        return index < 4 ? NOBODY : this.#capacity - DEVICE_ID_OFFSET;
      case COMMAND.readUniqueId:
        return index < 5 ? NOBODY : UNIQUE_ID[(index - 5) % UNIQUE_ID.length]!;
      case COMMAND.read:
        return index < 4 ? NOBODY : this.#byteAt(this.#address + index - 4);
      case COMMAND.fastRead:
        return index < 5 ? NOBODY : this.#byteAt(this.#address + index - 5);
      default:
        return NOBODY;
    }
  }

  #byteAt(address: number): number {
    const offset = address % this.length;
    const start = offset - (offset % READ_AHEAD_BYTES);
    const ahead = this.#readAhead;
    if (ahead.offset !== start) {
      ahead.offset = start;
      ahead.bytes = this.#options.store.read(start, READ_AHEAD_BYTES);
    }
    return ahead.bytes[offset - start]!;
  }

  /** Write enable is taken away when the operation ends. */
  #isEnabledNow(): boolean {
    if (!this.isBusy && this.#change !== undefined) this.#endChange();
    return this.#isWriteEnabled;
  }

  #endChange(): void {
    this.#change = undefined;
    this.#isWriteEnabled = false;
  }

  #execute(): void {
    const opcode = this.#opcode;
    const received = this.#received;
    const isEnabled = this.#isEnabledNow();
    const wasResetEnabled = this.#isResetEnabled;
    this.#isResetEnabled = opcode === COMMAND.enableReset;
    const erased = ERASED_BYTES.get(opcode);
    if (erased !== undefined) {
      if (isEnabled && received === 4) this.#erase(this.#address - (this.#address % erased), erased);
      return;
    }
    switch (opcode) {
      case COMMAND.writeEnable:
        this.#isWriteEnabled = true;
        break;
      case COMMAND.volatileWriteEnable:
        this.#isVolatileEnabled = true;
        break;
      case COMMAND.writeDisable:
        this.#isWriteEnabled = false;
        break;
      case COMMAND.sleep:
        this.#isAsleep = true;
        break;
      case COMMAND.wakeUp:
        if (this.#isAsleep) this.#awakeAtMs = this.#options.now() + WAKE_UP_MS;
        this.#isAsleep = false;
        break;
      case COMMAND.reset:
        if (wasResetEnabled) this.#restart();
        break;
      case COMMAND.program:
        if (isEnabled && received > 4) this.#program();
        break;
      case COMMAND.eraseAll:
      case COMMAND.eraseAllToo:
        if (isEnabled && received === 1) this.#erase(0, this.length);
        break;
      case COMMAND.writeStatus:
      case COMMAND.writeStatus2:
      case COMMAND.writeStatus3:
        this.#writeStatus(isEnabled);
        break;
      default:
        break;
    }
  }

  #writeStatus(isEnabled: boolean): void {
    const isVolatile = this.#isVolatileEnabled;
    this.#isVolatileEnabled = false;
    const values = Array.from(this.#page.subarray(0, this.#received - 1));
    const first = { [COMMAND.writeStatus2]: 1, [COMMAND.writeStatus3]: 2 }[this.#opcode] ?? 0;
    const mostValues = first === 0 ? 2 : 1;
    const isLocked = (this.#status[0] & STATUS_PROTECTED) !== 0 && this.#options.isWpLow === true;
    if (!(isEnabled || isVolatile) || isLocked || values.length === 0 || values.length > mostValues) return;
    // Values that power takes away again are kept like the others: nobody here relies on the difference.
    for (const [index, value] of values.entries()) {
      const mask = WRITABLE[first + index]!;
      this.#status[first + index] = (this.#status[first + index]! & ~mask) | (value & mask);
    }
    this.#operations++;
    this.#begin(isVolatile ? 0 : this.#timing.writeStatus, undefined);
  }

  #erase(offset: number, length: number): void {
    if (!this.#mayChange(offset, length)) return;
    const { erase4KiB, erase32KiB, erase64KiB, eraseAll } = this.#timing;
    const ms = { 4096: erase4KiB, 32_768: erase32KiB, 65_536: erase64KiB }[length] ?? eraseAll;
    this.#apply(offset, new Uint8Array(length).fill(0xff), ms);
  }

  /** What came last for a place in the page counts; the rest of the page is left alone. */
  #program(): void {
    const offset = this.#address - (this.#address % PAGE_BYTES);
    if (!this.#mayChange(offset, PAGE_BYTES)) return;
    const to = this.#options.store.read(offset, PAGE_BYTES).slice();
    for (let place = 0; place < this.#pageBytes; place++) {
      const at = (this.#address + place) % PAGE_BYTES;
      if (to[at] !== 0xff) this.#overwrites++;
      to[at]! &= this.#page[at]!;
    }
    this.#apply(offset, to, this.#timing.program);
  }

  #mayChange(offset: number, length: number): boolean {
    const area = protectedArea(this.#status[0], this.#status[1], this.length);
    return !overlap(area, { start: offset, end: offset + length });
  }

  #apply(offset: number, to: Uint8Array, busyMs: number): void {
    const from = this.#options.store.read(offset, to.length).slice();
    this.#readAhead.offset = -1;
    const cut = this.#cut;
    if (cut?.afterOperations === this.#operations) {
      const { at, seed } = cut;
      if (at !== 'before') this.#options.store.write(offset, at === 'after' ? to : tear(from, to, at, seed));
      this.#cut = undefined;
      this.#isDead = true;
      throw new PowerLost();
    }
    this.#operations++;
    this.#options.store.write(offset, to);
    this.#begin(busyMs, { offset, from, to });
  }

  #begin(busyMs: number, change: Change | undefined): void {
    this.#idleAtMs = this.#options.now() + busyMs;
    // Nothing to tear in a register.
    this.#change = change ?? { offset: 0, from: new Uint8Array(0), to: new Uint8Array(0) };
  }

  #restart(): void {
    this.#endChange();
    [this.#isVolatileEnabled, this.#isResetEnabled] = [false, false];
    [this.#awakeAtMs, this.#idleAtMs] = [0, 0];
    this.#readAhead.offset = -1;
  }
}
