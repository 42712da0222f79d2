/**
 * Commands for the MPSSE of an FT2232H, put together into one transfer. FTDI application note AN_108, section 3; wires
 * as on the iCEBreaker and the iCEstick. SPI mode 0: the clock rests low, MOSI changes on its falling edge, MISO is
 * taken on its rising edge.
 */

/** Bits of ADBUS. Bits 0 and 1 are SCK and MOSI, 2 is MISO. */
const SPI_OUTPUTS = 0b0000_0011;
const CHIP_SELECT = 1 << 4;
const CDONE = 1 << 6;
const CRESET = 1 << 7;

const OUTPUTS = SPI_OUTPUTS | CHIP_SELECT | CRESET;

/** AN_108, sections 3.3 to 3.7. */
const OPCODE = {
  /** Bytes out on the falling edge, most significant bit first. */
  write: 0x11,
  /** Bytes in on the rising edge. */
  read: 0x20,
  setLow: 0x80,
  getLow: 0x81,
  loopbackOff: 0x85,
  clockDivisor: 0x86,
  flush: 0x87,
  masterClock60MHz: 0x8a,
  threePhaseOff: 0x8d,
  /** Clocks without data, in units of 8: the only way to wait without a message to the computer. */
  idleClocks: 0x8f,
  adaptiveOff: 0x97,
} as const;

/** Is in no list of commands; the engine answers with {@link BAD_COMMAND} and the byte. AN_135, section 5.3.1. */
export const BOGUS_COMMAND = 0xaa;
export const BAD_COMMAND = 0xfa;

/** Of one command, in bytes; the engine counts from 1. */
const MAX_LENGTH = 65_536;

/** SCK is this, divided by 1 + divisor. */
const MAX_CLOCK_HZ = 30_000_000;

/** The fastest clock that is not above what is asked for. @throws RangeError */
export function clockDivisorFor(clockHz: number): { readonly divisor: number; readonly actualHz: number } {
  const divisor = Math.ceil(MAX_CLOCK_HZ / clockHz) - 1;
  if (!(clockHz <= MAX_CLOCK_HZ) || divisor > 0xffff) {
    throw new RangeError(`an SPI clock from 458 to ${MAX_CLOCK_HZ} Hz was expected, not ${clockHz}`);
  }
  return { divisor, actualHz: MAX_CLOCK_HZ / (1 + divisor) };
}

/** Whether a byte of `pins` says that the FPGA has its bitstream. */
export function isConfigured(pins: number): boolean {
  return (pins & CDONE) !== 0;
}

/** A batch. `answerBytes` counts what the engine sends back for it. */
export class MpsseCommands {
  answerBytes = 0;
  /** Clocks of all commands, of which the least time follows. */
  clocks = 0;
  readonly #pieces: Uint8Array[] = [];

  /** Makes a command known to be bad, to see where the answers begin. */
  bogus(): this {
    this.answerBytes += 2;
    return this.#add(BOGUS_COMMAND);
  }

  /** 60 MHz master clock, two-phase, not adaptive, no loop-back. AN_135, section 5.3.2. */
  setUp(divisor: number): this {
    this.#add(OPCODE.masterClock60MHz, OPCODE.adaptiveOff, OPCODE.threePhaseOff, OPCODE.loopbackOff);
    return this.#add(OPCODE.clockDivisor, divisor & 0xff, divisor >> 8);
  }

  /** The FPGA lets go of the wires to the flash, and we take them. */
  holdFpga(): this {
    return this.#add(OPCODE.setLow, CHIP_SELECT, OUTPUTS);
  }

  /** Wires first, then reset, so that nobody pulls at them when the FPGA begins to read; pull-ups do the rest. */
  releaseFpga(): this {
    return this.#add(OPCODE.setLow, CHIP_SELECT, CRESET).#add(OPCODE.setLow, 0, 0);
  }

  readPins(): this {
    this.answerBytes++;
    return this.#add(OPCODE.getLow);
  }

  /**
   * One command to the flash: chip select down, bytes out, bytes in, chip select up.
   *
   * @param readBytes at most 65,536
   */
  flash(out: readonly number[], data: Uint8Array = new Uint8Array(0), readBytes = 0): this {
    this.#add(OPCODE.setLow, 0, OUTPUTS);
    this.#long(OPCODE.write, out.length + data.length).#add(...out);
    this.#pieces.push(data);
    if (readBytes > 0) this.#long(OPCODE.read, readBytes);
    this.answerBytes += readBytes;
    this.clocks += 8 * (out.length + data.length + readBytes);
    return this.#add(OPCODE.setLow, CHIP_SELECT, OUTPUTS);
  }

  /** @param clocks at least; the flash is not selected, so that they do nothing */
  wait(clocks: number): this {
    let left = Math.ceil(clocks / 8);
    this.clocks += 8 * left;
    for (; left > 0; left -= MAX_LENGTH) this.#long(OPCODE.idleClocks, Math.min(left, MAX_LENGTH));
    return this;
  }

  /** @returns the batch, at whose end the chip sends what it has instead of waiting for a full packet */
  finished(): Uint8Array<ArrayBuffer> {
    this.#add(OPCODE.flush);
    const bytes = new Uint8Array(this.#pieces.reduce((sum, piece) => sum + piece.length, 0));
    let position = 0;
    for (const piece of this.#pieces) {
      bytes.set(piece, position);
      position += piece.length;
    }
    return bytes;
  }

  #long(opcode: number, length: number): this {
    if (length < 1 || length > MAX_LENGTH)
      throw new RangeError(`1 to ${MAX_LENGTH} bytes were expected, not ${length}`);
    return this.#add(opcode, (length - 1) & 0xff, (length - 1) >> 8);
  }

  #add(...bytes: number[]): this {
    this.#pieces.push(Uint8Array.from(bytes));
    return this;
  }
}
