/**
 * The RP2040's SSI (data sheet, 4.10) with a Winbond flash at its pins: commands on one wire go to the project's model
 * of that part, reads on four wires and those that the window makes are understood here. What does not fit is an Error:
 * a chip would read noise.
 */

import { SpiFlash } from '../spi-flash/spi-flash.js';
import type { FlashStore } from '../../firmware/flash/flash-store.js';

export const SSI_BASE = 0x1800_0000;

const AT = {
  control0: 0x00,
  control1: 0x04,
  enable: 0x08,
  slaves: 0x10,
  divider: 0x14,
  waitingIn: 0x24,
  status: 0x28,
  data: 0x60,
  sampleDelay: 0xf0,
  spiControl0: 0xf4,
} as const;

/** Of the status: the FIFO for what goes out has room, is empty; there is something in the other one. */
const BUSY = 1;
const HAS_ROOM = 2;
const IS_EMPTY = 4;
const HAS_DATA = 8;
const FIFO_FRAMES = 16;

const ONE_WIRE = 0;
const FOUR_WIRES = 2;
const RECEIVES_ONLY = 3;
const ALL_ON_FOUR_WIRES = 2;
const COMMAND_ON_ONE_WIRE = 1;
const READ = 0x03;
const FAST_READ_QUAD = 0xeb;
/** Clocks on four wires, between the mode bits and the data. */
const QUAD_WAIT_CLOCKS = 4;
const QUAD_ENABLE = 2;
/** Of Winbond's W25Q16JV, 9.6: SCK of EBh and of 03h. */
const MOST_QUAD_HZ = 133e6;
const MOST_READ_HZ = 50e6;
/** What the boot ROM leaves: 8 bits a frame, SCK = clk_sys / 6; 03h for the window. */
const ROM_DIVIDER = 6;
const BYTES_A_FRAME = 0x0007_0000;
const READS_BY_03H = 0x001f_0300;
const SPI_READS_BY_03H = 0x0300_0218;

export class Ssi {
  readonly #now: () => number;
  readonly #clockHz: () => number;
  readonly #flash: SpiFlash;
  readonly #registers = new Map<number, number>();
  readonly #received: number[] = [];
  /** When what was written has gone out. */
  #idleAt = 0;
  #isSelected = false;
  #isForced = false;
  /** The part takes what comes for an address and mode bits. */
  #isContinued = false;
  #quadFrames: number[] = [];

  /** @param now in cycles of the system clock @param clockHz its rate, now */
  constructor(store: FlashStore, now: () => number, clockHz: () => number) {
    this.#now = now;
    this.#clockHz = clockHz;
    this.#flash = new SpiFlash({ store, now: () => (now() / clockHz()) * 1000 });
  }

  readUint32(offset: number): number {
    if (offset === AT.data) return this.#received.shift() ?? 0;
    if (offset === AT.waitingIn) return this.#received.length;
    if (offset === AT.status) {
      const isIdle = this.#now() >= this.#idleAt;
      if (isIdle) this.#deselect();
      return HAS_ROOM | (isIdle ? IS_EMPTY : BUSY) | (this.#received.length > 0 ? HAS_DATA : 0);
    }
    return this.#registers.get(offset) ?? 0;
  }

  writeUint32(offset: number, value: number): void {
    if (offset === AT.data) {
      this.#send(value);
      return;
    }
    const isFixed =
      offset === AT.control0 || offset === AT.control1 || offset === AT.divider || offset === AT.spiControl0;
    if (isFixed && this.#isOn)
      throw new Error(`register 0x${offset.toString(16)} of the SSI is written while it is on`);
    this.#registers.set(offset, value >>> 0);
    if (offset === AT.enable) {
      this.#deselect();
      [this.#received.length, this.#quadFrames] = [0, []];
    }
  }

  /** The pin is driven by software: low, high, or (undefined) not any more. */
  forceSelect(isLow: boolean | undefined): void {
    this.#isForced = false;
    this.#deselect();
    if (isLow === true) {
      this.#flash.select();
      [this.#isSelected, this.#isForced] = [true, true];
    }
  }

  /** As the boot ROM leaves it after EX: the part hears commands, the window is closed. */
  leaveXip(): void {
    this.#isContinued = false;
    this.#setUp(BYTES_A_FRAME, 0);
  }

  /** As the boot ROM leaves it after CX. */
  enterSlowXip(): void {
    this.#setUp(READS_BY_03H, SPI_READS_BY_03H);
  }

  /** @throws Error if the window was not left by the ROM's function, so that commands reach nobody */
  checkHearsCommands(): void {
    if (this.#isContinued || this.#get(AT.control0) !== BYTES_A_FRAME)
      throw new Error('the flash does not hear commands now');
  }

  /** Of a read by the window. @throws Error if the flash cannot be read as the SSI is set up */
  readCycles(bytes: number): number {
    const [control0, spiControl0] = [this.#get(AT.control0), this.#get(AT.spiControl0)];
    const command = spiControl0 >>> 24;
    const addressBits = 4 * ((spiControl0 >> 2) & 15);
    const commandBits = [0, 4, 8, 16][(spiControl0 >> 8) & 3]!;
    const waitClocks = (spiControl0 >> 11) & 31;
    const isSetUp = this.#isOn && ((control0 >> 8) & 3) === RECEIVES_ONLY && ((control0 >> 16) & 31) === 31;
    const wires = (control0 >> 21) & 3;
    const isSerial =
      wires === ONE_WIRE && commandBits === 8 && command === READ && addressBits === 24 && waitClocks === 0;
    const isQuad =
      wires === FOUR_WIRES &&
      (spiControl0 & 3) === ALL_ON_FOUR_WIRES &&
      commandBits === 0 &&
      command >> 4 === 10 &&
      addressBits === 32 &&
      waitClocks === QUAD_WAIT_CLOCKS;
    if (!isSetUp || this.#isForced || !(this.#isContinued ? isQuad : isSerial)) {
      throw new Error(
        'the flash is read while it cannot be: its window is closed, or does not fit what the part expects',
      );
    }
    if (this.#clockHz() / this.#divider > (isQuad ? MOST_QUAD_HZ : MOST_READ_HZ)) {
      throw new Error(`the flash is read at ${this.#clockHz() / this.#divider / 1e6} MHz, which is too fast for it`);
    }
    const clocks = isQuad ? 8 + QUAD_WAIT_CLOCKS + 2 * bytes : 32 + 8 * bytes;
    return clocks * this.#divider;
  }

  get #isOn(): boolean {
    return this.#get(AT.enable) === 1;
  }

  get #divider(): number {
    const divider = this.#get(AT.divider);
    if (divider < 2 || divider % 2 !== 0) throw new Error(`the SSI does not divide its clock by ${divider}`);
    return divider;
  }

  #get(offset: number): number {
    return this.#registers.get(offset) ?? 0;
  }

  #setUp(control0: number, spiControl0: number): void {
    this.writeUint32(AT.enable, 0);
    this.writeUint32(AT.divider, ROM_DIVIDER);
    this.writeUint32(AT.control0, control0);
    this.writeUint32(AT.control1, 0);
    this.writeUint32(AT.spiControl0, spiControl0);
    this.writeUint32(AT.enable, 1);
  }

  #deselect(): void {
    if (this.#isForced) return;
    this.#isSelected = false;
    this.#flash.deselect();
  }

  #send(value: number): void {
    if (!this.#isOn) throw new Error('a frame is written to the SSI while it is off');
    const now = this.#now();
    if (now >= this.#idleAt) this.#deselect();
    if (((this.#get(AT.control0) >> 21) & 3) === FOUR_WIRES) {
      this.#sendQuad(value);
      return;
    }
    if (((this.#get(AT.control0) >> 16) & 31) !== 7)
      throw new Error('a command is sent in frames of another size than 8 bits');
    if (!this.#isSelected) this.#flash.select();
    this.#isSelected = true;
    this.#receive(this.#isContinued ? 0xff : this.#flash.exchange(value & 0xff));
    this.#idleAt = Math.max(now, this.#idleAt) + 8 * this.#divider;
  }

  /** The one command that is known: EBh on one wire, the address and mode bits on four, then a word. */
  #sendQuad(value: number): void {
    const spiControl0 = this.#get(AT.spiControl0);
    const isFit =
      (spiControl0 & 3) === COMMAND_ON_ONE_WIRE &&
      ((spiControl0 >> 8) & 3) === 2 &&
      ((spiControl0 >> 2) & 15) === 8 &&
      ((spiControl0 >> 11) & 31) === QUAD_WAIT_CLOCKS;
    this.#quadFrames.push(value >>> 0);
    if (this.#quadFrames.length < 2) return;
    const [command, address] = this.#quadFrames as [number, number];
    this.#quadFrames = [];
    const canQuad = ((this.#flash.status[1] ?? 0) & QUAD_ENABLE) !== 0;
    if (!isFit || command !== FAST_READ_QUAD || !canQuad || this.#isContinued) {
      throw new Error('a read on four wires that the part does not understand');
    }
    this.#isContinued = (address & 0xf0) === 0xa0;
    this.#receive(0);
    this.#idleAt = Math.max(this.#now(), this.#idleAt) + (8 + 8 + QUAD_WAIT_CLOCKS + 8) * this.#divider;
  }

  #receive(frame: number): void {
    if (this.#received.length === FIFO_FRAMES) throw new Error('the FIFO of the SSI runs over');
    this.#received.push(frame);
  }
}
