/**
 * What hangs on channel A of the FT2232H of an iCEBreaker: a SPI flash, and the iCE40 that starts from it. Schematic of
 * the iCEBreaker V1.0; Lattice TN1248, "iCE40 Programming and Configuration".
 *
 * The wires are shared: only while CRESET holds the FPGA in reset does the flash belong to the FT2232H. When it is let
 * go, the FPGA wakes the flash, reads its bitstream, says so on CDONE, and sends the flash to sleep.
 */

import type { SpiFlash } from '../spi-flash/spi-flash.js';
import type { FlashStore } from '../../firmware/flash/flash-store.js';
import { configure } from './ice40-bitstream.js';
import type { MpssePins } from './mpsse.js';

/** Bits of ADBUS; bit 2 is MISO. */
const SCK_AND_MOSI = 3;
const CHIP_SELECT = 1 << 4;
const CDONE = 1 << 6;
const CRESET = 1 << 7;

/** Where the FPGA reads, from address 0 on: more than the bitstream of any iCE40 has. */
const BITSTREAM_BYTES = 2 ** 18;
/** Until it reads, and for each byte: "medium" speed of its oscillator, about 24 MHz. */
const START_UP_MS = 1.2;
const MS_PER_BYTE = 8 / 24_000;

export interface FpgaBoardOptions {
  readonly flash: SpiFlash;
  /** Of the flash, as the FPGA reads it. */
  readonly store: FlashStore;
  readonly now: () => number;
  /** Whether the design in the FPGA reads the flash in continuous mode all the time. */
  readonly readsOn?: boolean;
}

export class FpgaBoard implements MpssePins {
  readonly #options: FpgaBoardOptions;
  #levels = 0xff;
  #direction = 0;
  /** When the FPGA that is let go will have started; undefined if it does not. */
  #startedAtMs: number | undefined;
  #sendsToSleep = true;
  #starts = 0;

  /** With power, and the FPGA let go. */
  constructor(options: FpgaBoardOptions) {
    this.#options = options;
    this.#start();
  }

  /** Whether the FPGA runs. */
  get isConfigured(): boolean {
    this.#settle();
    return this.#startedAtMs !== undefined && this.#startedAtMs <= this.#options.now();
  }

  /** Whether it is held in reset. */
  get isHeld(): boolean {
    return (this.#pins() & CRESET) === 0;
  }

  /** How often the FPGA was let go, with the first time that the power came. */
  get starts(): number {
    return this.#starts;
  }

  /** The power goes and comes back. @param seed of how an operation of the flash is torn */
  powerCycle(seed: number): void {
    const { flash } = this.#options;
    flash.powerDown(seed);
    flash.powerUp();
    [this.#levels, this.#direction] = [0xff, 0];
    this.#start();
  }

  drive(levels: number, direction: number): void {
    const before = this.#pins();
    [this.#levels, this.#direction] = [levels, direction];
    const after = this.#pins();
    if ((before & CRESET) !== 0 && (after & CRESET) === 0) this.#halt();
    if ((before & ~after & CHIP_SELECT) !== 0) this.#options.flash.select();
    if ((~before & after & CHIP_SELECT) !== 0) this.#options.flash.deselect();
    if ((before & CRESET) === 0 && (after & CRESET) !== 0) this.#start();
  }

  levels(): number {
    const isDone = this.isConfigured ? CDONE : 0;
    return (this.#pins() & ~CDONE) | isDone;
  }

  exchange(out: number, bits: number): number {
    this.#settle();
    const isOurs = this.isHeld && (this.#direction & SCK_AND_MOSI) === SCK_AND_MOSI;
    // Two that drive one wire: nothing that could be relied on.
    return isOurs ? this.#options.flash.exchange(out, bits) : 0xff >> (8 - bits);
  }

  isHeard(): boolean {
    return (this.#pins() & CHIP_SELECT) === 0;
  }

  /** Pins that nobody drives are pulled up. */
  #pins(): number {
    return (this.#levels & this.#direction) | (~this.#direction & 0xff);
  }

  #start(): void {
    const { flash, store, now } = this.#options;
    this.#starts++;
    flash.deselect();
    // A flash that is at work does not answer the FPGA either.
    const configured = flash.isBusy ? undefined : configure(store.read(0, Math.min(store.length, BITSTREAM_BYTES)));
    this.#startedAtMs = configured && now() + START_UP_MS + MS_PER_BYTE * configured.readBytes;
    this.#sendsToSleep = configured?.sendsToSleep ?? false;
    command(flash, WAKE_UP);
  }

  #halt(): void {
    const { flash, readsOn = false } = this.#options;
    if (this.isConfigured && readsOn) {
      command(flash, WAKE_UP);
      flash.continueRead();
    }
    this.#startedAtMs = undefined;
  }

  /** What the FPGA has done meanwhile. */
  #settle(): void {
    if (!this.#sendsToSleep || this.#startedAtMs === undefined || this.#startedAtMs > this.#options.now()) return;
    this.#sendsToSleep = false;
    command(this.#options.flash, SLEEP);
  }
}

const WAKE_UP = 0xab;
const SLEEP = 0xb9;

function command(flash: SpiFlash, opcode: number): void {
  flash.select();
  flash.exchange(opcode);
  flash.deselect();
}
