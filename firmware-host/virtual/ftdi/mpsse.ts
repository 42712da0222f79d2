/**
 * The Multi-Protocol Synchronous Serial Engine of an FT2232H: a stream of commands in, bits on pins, a stream of
 * answers out. FTDI AN_108, section 3. The commands for JTAG's TMS and for host buses are answered as bad ones.
 *
 * Clocks take their time on a {@link Timeline}. What is written on the wrong edge arrives one clock late, as it does in
 * a device that takes data on rising edges.
 */

import type { Timeline } from './timeline.js';

/** What the engine drives. */
export interface MpssePins {
  /** Levels of ADBUS that are driven where `direction` is 1. */
  drive(levels: number, direction: number): void;
  /** Levels of ADBUS, also of pins that others drive. */
  levels(): number;
  /** Clocks `bits` out, the highest of the lowest `bits` first. @returns what came in meanwhile */
  exchange(out: number, bits: number): number;
  /** Whether anybody hears clocks now. */
  isHeard(): boolean;
}

/** Opcodes below 0x80 are made of these bits. */
const SHIFT = {
  writeOnFalling: 1,
  bits: 2,
  lowestFirst: 8,
  write: 0x10,
  read: 0x20,
  tms: 0x40,
  special: 0x80,
} as const;

const OPCODE = {
  setLow: 0x80,
  getLow: 0x81,
  setHigh: 0x82,
  getHigh: 0x83,
  loopbackOn: 0x84,
  loopbackOff: 0x85,
  setDivisor: 0x86,
  flush: 0x87,
  waitHigh: 0x88,
  waitLow: 0x89,
  masterClock60MHz: 0x8a,
  masterClock12MHz: 0x8b,
  threePhaseOn: 0x8c,
  threePhaseOff: 0x8d,
  idleBits: 0x8e,
  idleBytes: 0x8f,
  adaptiveOn: 0x96,
  adaptiveOff: 0x97,
  driveOnlyZero: 0x9e,
} as const;

/** Operands of the special commands, in bytes; what is not here is no command. */
const OPERANDS: ReadonlyMap<number, number> = new Map([
  ...[OPCODE.getLow, OPCODE.getHigh, OPCODE.loopbackOn, OPCODE.loopbackOff, OPCODE.flush, OPCODE.waitHigh].map(none),
  ...[OPCODE.waitLow, OPCODE.masterClock60MHz, OPCODE.masterClock12MHz, OPCODE.threePhaseOn].map(none),
  ...[OPCODE.threePhaseOff, OPCODE.adaptiveOn, OPCODE.adaptiveOff].map(none),
  [OPCODE.idleBits, 1],
  [OPCODE.setLow, 2],
  [OPCODE.setHigh, 2],
  [OPCODE.setDivisor, 2],
  [OPCODE.idleBytes, 2],
  [OPCODE.driveOnlyZero, 2],
]);

/** Answers a command that there is not, and is followed by it. */
const BAD_COMMAND = 0xfa;
/** GPIOL1, on which the waiting commands wait. */
const WAIT_PIN = 1 << 5;
/** ACBUS is connected to nothing, and pulled up. */
const HIGH_PINS = 0xff;
/** That somebody hears, of one transfer; half a second of the fastest clock. More is for keeping this computer busy. */
const MAX_CLOCKS = 2 ** 24;
const MASTER_HZ = { fast: 60_000_000, slow: 12_000_000 } as const;

export interface MpsseOptions {
  readonly pins: MpssePins;
  readonly time: Timeline;
  readonly onAnswer: (bytes: Uint8Array) => void;
  /** What was answered so far is to be sent without waiting for more. */
  readonly onFlush: () => void;
  /** Whether so much was answered that nobody fetches that no more is kept. */
  readonly isFull: () => boolean;
}

export class Mpsse {
  readonly #options: MpsseOptions;
  #command: number[] = [];
  /** Bytes of the present shift command that have not come yet. */
  #left = 0;
  #masterHz: number = MASTER_HZ.slow;
  #divisor = 0;
  #loopback = false;
  /** It waits for a pin that does not change, or for a host that does not fetch answers: it does nothing any more. */
  #isStuck = false;
  #clocks = 0;
  /** On MOSI. */
  #lastBit = 0;

  constructor(options: MpsseOptions) {
    this.#options = options;
  }

  /** Commands, cut anywhere. */
  receive(bytes: Uint8Array): void {
    this.#options.time.catchUp();
    this.#clocks = 0;
    for (let at = 0; at < bytes.length && !this.#isStuck;) {
      if (this.#left > 0) {
        const end = Math.min(bytes.length, at + this.#left);
        this.#left -= end - at;
        this.#shiftBytes(this.#command[0]!, bytes.subarray(at, end));
        at = end;
        if (this.#left === 0) this.#command = [];
      } else {
        this.#command.push(bytes[at++]!);
        if (this.#command.length === 1 + operandsOf(this.#command[0]!)) this.#execute();
      }
    }
  }

  #execute(): void {
    this.#isStuck = this.#options.isFull() || this.#clocks > MAX_CLOCKS;
    if (this.#isStuck) return;
    const [opcode = 0, low = 0, high = 0] = this.#command;
    if (isShift(opcode) && (opcode & SHIFT.bits) === 0) {
      this.#left = 1 + low + 256 * high;
      if ((opcode & SHIFT.write) !== 0) return;
      this.#shiftBytes(opcode, new Uint8Array(this.#left));
      this.#left = 0;
    } else if (isShift(opcode)) {
      this.#shiftBits(opcode, 1 + (low & 7), high);
    } else {
      this.#special(opcode, low, high);
    }
    this.#command = [];
  }

  #special(opcode: number, low: number, high: number): void {
    const { pins, onAnswer, onFlush } = this.#options;
    switch (opcode) {
      case OPCODE.setLow:
        pins.drive(low, high);
        break;
      case OPCODE.getLow:
        onAnswer(Uint8Array.of(pins.levels()));
        break;
      case OPCODE.getHigh:
        onAnswer(Uint8Array.of(HIGH_PINS));
        break;
      case OPCODE.loopbackOn:
      case OPCODE.loopbackOff:
        this.#loopback = opcode === OPCODE.loopbackOn;
        break;
      case OPCODE.setDivisor:
        this.#divisor = low + 256 * high;
        break;
      case OPCODE.flush:
        onFlush();
        break;
      case OPCODE.waitHigh:
      case OPCODE.waitLow:
        this.#isStuck = (opcode === OPCODE.waitHigh) !== ((pins.levels() & WAIT_PIN) !== 0);
        break;
      case OPCODE.masterClock60MHz:
      case OPCODE.masterClock12MHz:
        this.#masterHz = opcode === OPCODE.masterClock60MHz ? MASTER_HZ.fast : MASTER_HZ.slow;
        break;
      case OPCODE.idleBits:
        this.#idle(1 + (low & 7));
        break;
      case OPCODE.idleBytes:
        this.#idle(8 * (1 + low + 256 * high));
        break;
      case OPCODE.setHigh:
      case OPCODE.threePhaseOn:
      case OPCODE.threePhaseOff:
      case OPCODE.adaptiveOn:
      case OPCODE.adaptiveOff:
      case OPCODE.driveOnlyZero:
        // Pins that are connected to nothing, and clocks for I2C and ARM.
        break;
      default:
        onAnswer(Uint8Array.of(BAD_COMMAND, opcode));
    }
  }

  #shiftBytes(opcode: number, out: Uint8Array): void {
    const isLowestFirst = (opcode & SHIFT.lowestFirst) !== 0;
    const isRead = (opcode & SHIFT.read) !== 0;
    const answers = new Uint8Array(isRead ? out.length : 0);
    for (let index = 0; index < out.length; index++) {
      const byte = isLowestFirst ? reversed(out[index]!) : out[index]!;
      const answer = this.#exchange(opcode, byte, 8);
      if (isRead) answers[index] = isLowestFirst ? reversed(answer) : answer;
    }
    if (isRead) this.#options.onAnswer(answers);
  }

  #shiftBits(opcode: number, bits: number, byte: number): void {
    const isLowestFirst = (opcode & SHIFT.lowestFirst) !== 0;
    // The first bit is the highest or the lowest of the byte.
    const answer = this.#exchange(opcode, (isLowestFirst ? reversed(byte) : byte) >> (8 - bits), bits);
    if ((opcode & SHIFT.read) === 0) return;
    // Answers are shifted in from the other end.
    this.#options.onAnswer(Uint8Array.of(isLowestFirst ? reversed(answer) : answer));
  }

  #exchange(opcode: number, value: number, bits: number): number {
    const isWrite = (opcode & SHIFT.write) !== 0;
    const isLate = isWrite && (opcode & SHIFT.writeOnFalling) === 0;
    // A wire that is not written to stays as it was.
    const wanted = isWrite ? value : this.#lastBit * (2 ** bits - 1);
    const out = isLate ? (this.#lastBit << (bits - 1)) | (wanted >> 1) : wanted;
    this.#lastBit = wanted & 1;
    const answer = this.#options.pins.exchange(out, bits);
    this.#clocks += bits;
    this.#pass(bits);
    return this.#loopback ? wanted : answer;
  }

  #idle(bits: number): void {
    if (!this.#options.pins.isHeard()) {
      this.#pass(bits);
      return;
    }
    for (let left = bits; left > 0; left -= 8) this.#exchange(0, 0, Math.min(left, 8));
  }

  #pass(clocks: number): void {
    this.#options.time.pass((1000 * clocks * 2 * (1 + this.#divisor)) / this.#masterHz);
  }
}

/** Of the commands that shift, those that this engine knows. */
function isShift(opcode: number): boolean {
  const moves = opcode & (SHIFT.write | SHIFT.read);
  return (opcode & (SHIFT.special | SHIFT.tms)) === 0 && moves !== 0;
}

/** Bytes behind an opcode, without the data of those that shift bytes. */
function operandsOf(opcode: number): number {
  if (!isShift(opcode)) return OPERANDS.get(opcode) ?? 0;
  return (opcode & SHIFT.bits) !== 0 && (opcode & SHIFT.write) === 0 ? 1 : 2;
}

function none(opcode: number): readonly [number, number] {
  return [opcode, 0];
}

function reversed(byte: number): number {
  let result = 0;
  for (let bit = 0; bit < 8; bit++) result |= ((byte >> bit) & 1) << (7 - bit);
  return result;
}
