/**
 * An RP2040 with its flash in the emulator rp2040js, from its power-on to its next restart. The package brings neither
 * boot ROM nor a flash that can be written: boot-rom.ts stands in, over the project's own model of NOR flash. Bytes for
 * the UART come at its pace.
 *
 * docs/PICO.md says what such a chip does not show.
 */

import { ConsoleLogger, LogLevel, Simulator, type RP2040 } from 'rp2040js';
import { NorFlash, PAGE_BYTES } from '../../firmware/flash/nor-flash.js';
import type { FlashStore } from '../../firmware/flash/flash-store.js';
import { installBootRom } from './boot-rom.js';

const CLOCK_HZ = 125_000_000;
const SECTOR_BYTES = 4096;
const NANOSECONDS = 1e9 / CLOCK_HZ;
/** 115,200 baud, ten bits a byte. */
const NANOSECONDS_PER_BYTE = (1e9 * 10) / 115_200;
/** Between two looks at clock and line: a quarter of a byte. */
const QUANTUM_CYCLES = 2700;
/** Behind the second stage, which this chip does not run. */
const VECTORS = 0x1000_0100;

export interface PicoChipOptions {
  /** What the flash holds, at most 16 MiB. */
  readonly flash: FlashStore;
  /** Gets what the chip sends on UART0. */
  readonly onUart: (byte: number) => void;
  /**
   * Nanoseconds since any instant, for its timer and its line: those of its cycles unless given. A chip that has the
   * clock of the hosts that wait for it is slow, and never late.
   */
  readonly now?: () => number;
}

export class PicoChip {
  readonly #chip: RP2040;
  readonly #clock: Simulator['clock'];
  readonly #arrived: number[] = [];
  readonly #now: () => number;
  readonly #startedNs: number;
  #cycles = 0;
  #nextByteNs = 0;
  #end: 'restart' | 'boot-mode' | undefined;

  constructor({ flash, onUart, now = () => this.#cycles * NANOSECONDS }: PicoChipOptions) {
    this.#now = now;
    this.#startedNs = now();
    const { rp2040: chip, clock } = new Simulator();
    this.#chip = chip;
    this.#clock = clock;
    // Registers that it does not have are told of at each reading.
    chip.logger = new ConsoleLogger(LogLevel.Error);
    chip.flash.set(flash.read(0, flash.length));
    const nor = new NorFlash(flash, SECTOR_BYTES);
    installBootRom(chip, {
      erase: (offset, length) => {
        for (let at = offset; at < offset + length; at += SECTOR_BYTES) nor.eraseSector(at);
        chip.flash.set(flash.read(offset, length), offset);
      },
      program: (offset, bytes) => {
        for (let at = 0; at < bytes.length; at += PAGE_BYTES) {
          nor.programPage(offset + at, bytes.subarray(at, at + PAGE_BYTES));
        }
        chip.flash.set(flash.read(offset, bytes.length), offset);
      },
      setMapped: () => {},
      toBootMode: () => (this.#end = 'boot-mode'),
    });
    chip.uart[0]!.onByte = onUart;
    const watchdog = chip.peripherals[0x40058] as unknown as { onWatchdogTrigger: () => void };
    watchdog.onWatchdogTrigger = () => (this.#end = 'restart');
    chip.core.VTOR = VECTORS;
    chip.core.reset();
  }

  /** Of the chip, since its start. */
  get cycles(): number {
    return this.#cycles;
  }

  /** How it has ended, if it has. */
  get end(): 'restart' | 'boot-mode' | undefined {
    return this.#end;
  }

  /** Bytes for UART0. */
  receive(bytes: Uint8Array): void {
    for (const byte of bytes) this.#arrived.push(byte);
  }

  /** Lets at least so many cycles pass, unless it ends before. @throws Error if the firmware runs into a fault */
  run(cycles: number): void {
    for (const end = this.#cycles + cycles; this.#cycles < end && this.#end === undefined;) {
      this.#tick();
      this.#execute(this.#cycles + QUANTUM_CYCLES);
    }
  }

  #tick(): void {
    const clock = this.#clock;
    clock.tick(Math.max(0, this.#now() - this.#startedNs - clock.nanos));
    if (this.#arrived.length === 0 || clock.nanos < this.#nextByteNs) return;
    this.#chip.uart[0]!.feedByte(this.#arrived.shift()!);
    this.#nextByteNs = clock.nanos + NANOSECONDS_PER_BYTE;
  }

  #execute(until: number): void {
    const { core } = this.#chip;
    while (this.#cycles < until) this.#cycles += core.executeInstruction();
  }
}
