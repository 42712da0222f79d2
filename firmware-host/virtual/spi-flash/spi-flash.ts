/**
 * A SPI NOR flash at its pins: the commands of a Winbond W25Q128JV. Data sheet (revision G), sections 6 and 8.
 *
 * It does what the part does with the mistakes of its host: without write enable, while it is busy or asleep, or with a
 * command that ends in the middle of a byte, it does nothing and says nothing. Mode 0, one wire each way; the commands
 * for two and four are not heard.
 */

import { FlashCells, PAGE_BYTES } from './flash-cells.js';
import type { SpiFlashOptions } from './flash-cells.js';

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

const WINBOND = 0xef;
const MEMORY_TYPE = 0x40;
/** Of the older commands 90h and ABh, less the capacity in the JEDEC identity. */
const DEVICE_ID_OFFSET = 1;
const UNIQUE_ID = Uint8Array.of(0xd2, 0x64, 0x1c, 0x21, 0x83, 0x58, 0x36, 0x2b);

/** Until commands are heard after a wake-up: t_RES1. */
const WAKE_UP_MS = 0.003;

/** Of a command in continuous mode, counted from 1: the first one behind the address, on four wires. */
const MODE_CLOCK = 7;

/** Nobody drives the wire, and it is pulled up. */
const NOBODY = 0xff;

export class SpiFlash extends FlashCells {
  readonly #now: () => number;
  /** As the JEDEC identity tells the size. */
  readonly #capacity: number;
  readonly #maker: number;
  #isVolatileEnabled = false;
  #isAsleep = false;
  #isResetEnabled = false;
  #awakeAtMs = 0;
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
  /** It takes what comes for the address of a read that goes on, until it is told to end that. */
  #isContinued = false;
  #endsContinued = false;
  #clocks = 0;
  readonly #page = new Uint8Array(PAGE_BYTES);
  #pageBytes = 0;

  /** @throws RangeError for a size that no such part has */
  constructor(options: SpiFlashOptions) {
    super(options);
    this.#now = options.now;
    this.#capacity = Math.log2(options.store.length);
    this.#maker = options.maker ?? WINBOND;
  }

  get isAsleep(): boolean {
    return this.#isAsleep;
  }

  override powerUp(): void {
    super.powerUp();
    [this.#isAsleep, this.#isSelected, this.#isContinued] = [false, false, false];
  }

  override reset(): void {
    super.reset();
    [this.#isVolatileEnabled, this.#isResetEnabled] = [false, false];
    this.#awakeAtMs = 0;
  }

  /** As if a quad read in continuous mode had just ended (section 8.2.10), in which commands are not heard. */
  continueRead(): void {
    this.#isContinued = true;
  }

  /** CS# goes low. */
  select(): void {
    this.#isSelected = true;
    [this.#clocks, this.#endsContinued] = [0, false];
    this.#isHeard = this.hasPower;
    [this.#received, this.#bitCount, this.#address, this.#pageBytes] = [0, 0, 0, 0];
  }

  /** CS# goes high, which is when a command that changes something is carried out. */
  deselect(): void {
    if (!this.#isSelected) return;
    this.#isSelected = false;
    if (this.#endsContinued) this.#isContinued = false;
    if (this.#isHeard && this.#bitCount === 0 && this.#received > 0) this.#execute();
  }

  /** Clocks. @param mosi of which the lowest `bits` go in, the highest of them first @returns what comes out */
  exchange(mosi: number, bits = 8): number {
    if (!this.#isSelected || this.#isContinued) return this.#ignore(mosi, bits);
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

  /** The bit after the 24 of an address on four wires is M4: a 1 ends the continuous mode with this command. */
  #ignore(mosi: number, bits: number): number {
    const end = MODE_CLOCK - this.#clocks;
    this.#clocks += bits;
    if (this.#isSelected && end > 0 && end <= bits) this.#endsContinued = ((mosi >> (bits - end)) & 1) === 1;
    return NOBODY >> (8 - bits);
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
    if (this.#now() < this.#awakeAtMs) return false;
    return !this.isBusy || STATUS_READS.has(opcode);
  }

  /** The byte that goes out while byte `received` comes in. */
  #output(): number {
    const index = this.#received;
    if (!this.#isHeard || index === 0) return NOBODY;
    switch (this.#opcode) {
      case COMMAND.readStatus1:
        return this.status[0] | (this.isBusy ? BUSY : 0) | (this.isWriteEnabled ? WRITE_ENABLED : 0);
      case COMMAND.readStatus2:
        return this.status[1];
      case COMMAND.readStatus3:
        return this.status[2];
      case COMMAND.readIdentity:
        return [this.#maker, MEMORY_TYPE, this.#capacity][index - 1] ?? 0;
      case COMMAND.readManufacturer:
        if (index < 4) return NOBODY;
        return (index + this.#address) % 2 === 0 ? this.#maker : this.#capacity - DEVICE_ID_OFFSET;
      case COMMAND.wakeUp:
        return index < 4 ? NOBODY : this.#capacity - DEVICE_ID_OFFSET;
      case COMMAND.readUniqueId:
        return index < 5 ? NOBODY : UNIQUE_ID[(index - 5) % UNIQUE_ID.length]!;
      case COMMAND.read:
        return index < 4 ? NOBODY : this.byteAt(this.#address + index - 4);
      case COMMAND.fastRead:
        return index < 5 ? NOBODY : this.byteAt(this.#address + index - 5);
      default:
        return NOBODY;
    }
  }

  #execute(): void {
    const opcode = this.#opcode;
    const received = this.#received;
    const isEnabled = this.isWriteEnabled;
    const wasResetEnabled = this.#isResetEnabled;
    this.#isResetEnabled = opcode === COMMAND.enableReset;
    const erased = ERASED_BYTES.get(opcode);
    if (erased !== undefined) {
      if (isEnabled && received === 4) this.erase(this.#address - (this.#address % erased), erased);
      return;
    }
    switch (opcode) {
      case COMMAND.writeEnable:
        this.enableWrite(true);
        break;
      case COMMAND.volatileWriteEnable:
        this.#isVolatileEnabled = true;
        break;
      case COMMAND.writeDisable:
        this.enableWrite(false);
        break;
      case COMMAND.sleep:
        this.#isAsleep = true;
        break;
      case COMMAND.wakeUp:
        if (this.#isAsleep) this.#awakeAtMs = this.#now() + WAKE_UP_MS;
        this.#isAsleep = false;
        break;
      case COMMAND.reset:
        if (wasResetEnabled) this.reset();
        break;
      case COMMAND.program:
        if (isEnabled && received > 4) this.program(this.#address, this.#page, this.#pageBytes);
        break;
      case COMMAND.eraseAll:
      case COMMAND.eraseAllToo:
        if (isEnabled && received === 1) this.erase(0, this.length);
        break;
      case COMMAND.writeStatus:
      case COMMAND.writeStatus2:
      case COMMAND.writeStatus3:
        this.#writeRegisters(isEnabled);
        break;
      default:
        break;
    }
  }

  #writeRegisters(isEnabled: boolean): void {
    const isVolatile = this.#isVolatileEnabled;
    this.#isVolatileEnabled = false;
    const values = Array.from(this.#page.subarray(0, this.#received - 1));
    const first = { [COMMAND.writeStatus2]: 1, [COMMAND.writeStatus3]: 2 }[this.#opcode] ?? 0;
    const mostValues = first === 0 ? 2 : 1;
    if (!(isEnabled || isVolatile) || values.length === 0 || values.length > mostValues) return;
    this.writeStatus(first, values, isVolatile);
  }
}
