/**
 * Interface A of an FT2232H or FT232H in MPSSE mode: batches of commands out, their answers in. FTDI AN_108, AN_135.
 *
 * The chip puts two status bytes in front of each packet it sends, also of packets that carry nothing else. No wait is
 * endless: each transfer has a deadline, and so has the number of packets without data.
 */

import { BoardError } from '../board-error.js';
import { isFtdi } from '../usb/ids.js';
import { UsbConnection } from '../usb/usb-connection.js';
import { usbLost } from '../usb/usb-error.js';
import type { UsbDeviceInfo, UsbHost } from '../usb/usb-device.js';
import { mayBe } from '../usb/same-device.js';
import type { Clock } from '../clock.js';
import { BAD_COMMAND, BOGUS_COMMAND, clockDivisorFor, MpsseCommands } from './mpsse-commands.js';
import { notAProgrammer, programmerBroken, programmerSilent } from './spi-flash-error.js';

/**
 * High-speed chips by the high byte of bcdDevice: FT2232H, FT232H. An FT2232D has the same ids, but no 60 MHz clock.
 */
const HIGH_SPEED_CHIPS: ReadonlySet<number> = new Set([7, 9]);
/** The kernel's, which makes serial ports of both interfaces. */
const KERNEL_DRIVER = 'ftdi_sio';

const INTERFACE_NUMBER = 0;
const ENDPOINT_IN = 1;
const ENDPOINT_OUT = 2;
/** In control requests, counted from 1. */
const CHANNEL = 1;

const PACKET_BYTES = 512;
const STATUS_BYTES = 2;
const PACKET_DATA_BYTES = PACKET_BYTES - STATUS_BYTES;

/** Vendor requests, as libftdi and the kernel's ftdi_sio have them. */
const REQUEST = { reset: 0, setEventCharacter: 6, setErrorCharacter: 7, setLatencyTimer: 9, setBitMode: 11 } as const;
/** What the chip has of the host, and what it has for it. */
const RESET = { all: 0, purgeFromHost: 1, purgeToHost: 2 } as const;
const BIT_MODE = { reset: 0, mpsse: 2 } as const;

/**
 * After which the chip sends a packet without data. Every batch ends with a flush, so that a long time delays nothing.
 */
const LATENCY_MS = 255;

/** Beside what the commands themselves take. */
const PATIENCE_MS = 3000;
/** Of answers, as over a bad network. */
const SLOWEST_BYTES_PER_MS = 4;
/** Packets without data in a row; with {@link LATENCY_MS} time is over long before. */
const MAX_EMPTY_READS = 4000;
/** Stale bytes before the echo; more than the chip's buffer holds. */
const MAX_STALE_BYTES = 16_384;

export interface ChannelOptions {
  readonly clock: Clock;
  /** Of SPI, at most 30 MHz; the fastest that can be had below is used. */
  readonly clockHz: number;
  readonly signal?: AbortSignal | undefined;
}

export class FtdiChannel {
  /** Of SCK. */
  readonly clockHz: number;
  readonly #connection: UsbConnection;
  #isDead = false;

  private constructor(connection: UsbConnection, clockHz: number) {
    this.#connection = connection;
    this.clockHz = clockHz;
  }

  /** Opens the device, and leaves the FPGA alone yet. @throws BoardError; RangeError for a clock that cannot be had */
  static async open(
    host: UsbHost,
    info: UsbDeviceInfo,
    { clock, clockHz, signal }: ChannelOptions,
  ): Promise<FtdiChannel> {
    const { divisor, actualHz } = clockDivisorFor(clockHz);
    checkChip(host.nameOf(info), info);
    const connection = await UsbConnection.open(host, info, { clock, signal });
    const channel = new FtdiChannel(connection, actualHz);
    try {
      await connection.claim(INTERFACE_NUMBER, KERNEL_DRIVER);
      await channel.#checkDevice(info);
      await channel.#enterMpsse(divisor);
    } catch (error) {
      await connection.close();
      throw error;
    }
    return channel;
  }

  /** For people. */
  get name(): string {
    return this.#connection.name;
  }

  /** Whether the device is gone or dead, so that talking to it makes no sense. */
  get isDead(): boolean {
    return this.#isDead;
  }

  /** Milliseconds of the computer's clock. */
  now(): number {
    return this.#connection.clock.now();
  }

  /** What `clocks` of SCK take, in milliseconds. */
  msOf(clocks: number): number {
    return (clocks / this.clockHz) * 1000;
  }

  clocksOf(ms: number): number {
    return Math.ceil((ms / 1000) * this.clockHz);
  }

  /** Sends a batch and gives its answer, `commands.answerBytes` long. @param doing for people. @throws BoardError */
  async run(commands: MpsseCommands, doing: string): Promise<Uint8Array> {
    const timeMs = PATIENCE_MS + this.msOf(commands.clocks);
    await this.#send(commands.finished(), timeMs, doing);
    return await this.#receive(commands.answerBytes, timeMs, doing);
  }

  /** Gives the device back, whatever state it is in; throws nothing. */
  async close(): Promise<void> {
    // Bit mode stays MPSSE with every pin an input: in its mode of rest the chip would drive SCK against the FPGA.
    await this.#connection.close();
  }

  /** Two that were swapped since the list was made, or a server that lists one and gives another. */
  async #checkDevice(info: UsbDeviceInfo): Promise<void> {
    const { vendor, product, release, serialIndex } = await this.#connection.deviceDescriptor();
    const serial = await this.#connection.string(serialIndex);
    if (vendor === info.vendor && product === info.product && release === info.release && mayBe(serial, info.serial)) {
      return;
    }
    const other = serial === '' ? 'one without a serial number' : serial;
    throw usbLost(this.name, `Another device is there now: ${other}.`);
  }

  async #enterMpsse(divisor: number): Promise<void> {
    await this.#control(REQUEST.reset, RESET.all);
    await this.#control(REQUEST.setEventCharacter, 0);
    await this.#control(REQUEST.setErrorCharacter, 0);
    await this.#control(REQUEST.setLatencyTimer, LATENCY_MS);
    // Leaving MPSSE first ends a command that whoever was here before has left unfinished.
    await this.#control(REQUEST.setBitMode, BIT_MODE.reset << 8);
    await this.#control(REQUEST.setBitMode, BIT_MODE.mpsse << 8);
    await this.#control(REQUEST.reset, RESET.purgeFromHost);
    await this.#control(REQUEST.reset, RESET.purgeToHost);
    await this.#synchronise();
    await this.run(new MpsseCommands().setUp(divisor), 'its clock was set');
  }

  /** Skips what was left from before. AN_135, section 5.3.1. */
  async #synchronise(): Promise<void> {
    const doing = 'its command engine was started';
    await this.#send(new MpsseCommands().bogus().finished(), PATIENCE_MS, doing);
    const endMs = this.#connection.clock.now() + PATIENCE_MS;
    let [before, last] = [-1, -1];
    let isThere = false;
    for (let stale = 0, empty = 0; !isThere;) {
      const data = await this.#readPackets(1, endMs, doing);
      empty = data.length === 0 ? empty + 1 : 0;
      stale += data.length;
      if (stale > MAX_STALE_BYTES) throw this.#broken('it sends bytes that nobody asked for');
      if (empty > MAX_EMPTY_READS) throw this.#silent(doing);
      for (const byte of data) [before, last] = [last, byte];
      isThere = before === BAD_COMMAND && last === BOGUS_COMMAND;
    }
  }

  async #control(request: number, value: number): Promise<void> {
    const setup = { requestType: 'vendor', recipient: 'device', request, value, index: CHANNEL } as const;
    const isTaken = await this.#within(this.#connection.controlOut(setup), PATIENCE_MS, 'it was set up');
    if (!isTaken) throw this.#broken(`it refuses the request ${request} of FTDI's chips`);
  }

  async #send(bytes: Uint8Array<ArrayBuffer>, timeMs: number, doing: string): Promise<void> {
    await this.#within(this.#connection.bulkOut(ENDPOINT_OUT, bytes), timeMs, doing);
  }

  async #receive(length: number, timeMs: number, doing: string): Promise<Uint8Array> {
    const { clock } = this.#connection;
    const answer = new Uint8Array(length);
    const endMs = clock.now() + timeMs + length / SLOWEST_BYTES_PER_MS;
    for (let position = 0, empty = 0; position < length;) {
      const data = await this.#readPackets(Math.ceil((length - position) / PACKET_DATA_BYTES), endMs, doing);
      if (position + data.length > length) throw this.#broken(`it sends more than ${length} bytes while ${doing}`);
      answer.set(data, position);
      position += data.length;
      empty = data.length === 0 ? empty + 1 : 0;
      if (empty > MAX_EMPTY_READS) throw this.#silent(doing);
    }
    return answer;
  }

  /** One transfer: up to so many packets, without their status bytes; none if it has nothing to say yet. */
  async #readPackets(count: number, endMs: number, doing: string): Promise<Uint8Array> {
    const leftMs = endMs - this.#connection.clock.now();
    if (leftMs <= 0) throw this.#silent(doing);
    const asked = count * PACKET_BYTES;
    const packets = await this.#within(this.#connection.bulkIn(ENDPOINT_IN, asked), leftMs, doing);
    if (packets.length > asked) throw this.#broken('it sends more than was asked for');
    const data = new Uint8Array(packets.length);
    let length = 0;
    for (let start = 0; start < packets.length; start += PACKET_BYTES) {
      const piece = packets.subarray(start + STATUS_BYTES, start + PACKET_BYTES);
      data.set(piece, length);
      length += piece.length;
    }
    return data.subarray(0, length);
  }

  /** What `work` gives, if that comes in time. */
  async #within<T>(work: Promise<T>, timeMs: number, doing: string): Promise<T> {
    let cancel = (): void => {};
    const late = new Promise<never>((_, reject) => {
      cancel = this.#connection.clock.after(timeMs, () => reject(this.#silent(doing)));
    });
    try {
      return await Promise.race([work, late]);
    } catch (error) {
      // A transfer that failed may still be under way, so that no other one may follow.
      this.#isDead = true;
      throw error instanceof BoardError && error.code === 'board-silent' ? this.#silent(doing) : error;
    } finally {
      cancel();
    }
  }

  #silent(doing: string): BoardError {
    this.#isDead = true;
    return programmerSilent(this.name, doing);
  }

  #broken(problem: string): BoardError {
    return programmerBroken(this.name, problem);
  }
}

function checkChip(name: string, info: UsbDeviceInfo): void {
  if (!isFtdi(info)) throw notAProgrammer(name, 'Its USB ids are those of another device.');
  const version = info.release >> 8;
  if (HIGH_SPEED_CHIPS.has(version)) return;
  throw notAProgrammer(name, `Its version ${version} is that of an older chip without high speed.`);
}
