/** All that a processor of the RP2040 reads and writes beside RAM: data sheet, 2.2. */

import type { RP2040 } from 'rp2040js';
import { ROM_BYTES, type BootRom } from './boot-rom.js';
import { RAM, RAM_BYTES, type SlowBus } from './bus.js';
import { FIFO_READ, FIFO_STATUS, type Mailboxes } from './mailboxes.js';
import { SSI_BASE, type Ssi } from './ssi.js';
import { XIP_BASE, XIP_END, type Xip } from './xip.js';

type Core = RP2040['core'];
type Bytes = 1 | 2 | 4;

const XIP_CONTROL = 0x1400_0000;
/** Of the window: a write to FLUSH, and a read that waits until it is done. */
const XIP_FLUSH = 4;
const PAGE = 0x1000;
/** The pin that selects the flash: bits 9 and 8 of its control, of which 2 is low and 3 is high. */
const SELECT_PIN = 0x4001_800c;
const DRIVEN_LOW = 2;
const DRIVEN_HIGH = 3;
const USB_MEMORY = 0x5010_0000;
const USB_MEMORY_BYTES = 0x1000;
const SIO = 0xd000_0000;
const SIO_BYTES = 0x180;
const SPIN_LOCKS = 0x100;
/** Divider and interpolators, of which each processor has its own. */
const OWN = 0x60;
const PRIVATE = 0xe000_e000;

export interface SlowMemoryParts {
  readonly chip: RP2040;
  /** Of which the processor counts, and what belongs to it. */
  readonly second: RP2040;
  readonly rom: BootRom;
  readonly ssi: Ssi;
  readonly xip: Xip;
  readonly mailboxes: Mailboxes;
  /** Lets the peripherals catch up with the processors. */
  readonly sync: () => void;
}

export class SlowMemory implements SlowBus {
  readonly #parts: SlowMemoryParts;
  #selectControl = 0;

  constructor(parts: SlowMemoryParts) {
    this.#parts = parts;
  }

  read(core: Core, address: number, bytes: Bytes): number {
    checkAlignment(address, bytes);
    const { chip, rom, xip } = this.#parts;
    if (address >= XIP_BASE && address < XIP_END) {
      const offset = address & 0xff_ffff;
      core.cycles += xip.wait(address, core.cycles);
      if (bytes === 1) return chip.flash[offset]!;
      return bytes === 2 ? chip.flashView.getUint16(offset, true) : chip.flashView.getUint32(offset, true);
    }
    if (address < ROM_BYTES) {
      return bytes === 2 && address === core.PC ? rom.fetch(address, core) : rom.read(address, bytes);
    }
    const word = this.#readWord(core, (address & ~3) >>> 0);
    if (bytes === 4) return word;
    return (word >>> (8 * (address & 3))) & (bytes === 2 ? 0xffff : 0xff);
  }

  write(core: Core, address: number, bytes: Bytes, value: number): void {
    checkAlignment(address, bytes);
    const { chip, ssi, xip, sync } = this.#parts;
    if (address >= SIO && address < SIO + SIO_BYTES && bytes === 4) {
      this.#writeSio(core, address - SIO, value);
      return;
    }
    sync();
    if (address >= PRIVATE && address < PRIVATE + PAGE && bytes === 4) {
      core.rp2040.ppb.writeUint32(address - PRIVATE, value);
    } else if (address >= SSI_BASE && address < SSI_BASE + PAGE && bytes === 4) {
      ssi.writeUint32(address - SSI_BASE, value);
    } else if (address === XIP_CONTROL + XIP_FLUSH) {
      xip.flush();
    } else if ((address & ~0x3000) >>> 0 === SELECT_PIN && bytes === 4) {
      this.#control(updated(this.#selectControl, (address >> 12) & 3, value));
    } else if (isPeripheral(chip, address) || isUsbMemory(address)) {
      if (bytes === 4) chip.writeUint32(address, value);
      else if (bytes === 2) chip.writeUint16(address, value);
      else chip.writeUint8(address, value);
    } else {
      throw new Error(`a write to 0x${address.toString(16)}, where nothing can be written`);
    }
    sync();
  }

  #readWord(core: Core, address: number): number {
    const { chip, ssi, sync } = this.#parts;
    if (address >= SIO && address < SIO + SIO_BYTES) return this.#readSio(core, address - SIO);
    sync();
    if (address >= PRIVATE && address < PRIVATE + PAGE) return core.rp2040.ppb.readUint32(address - PRIVATE) >>> 0;
    if (address >= SSI_BASE && address < SSI_BASE + PAGE) return ssi.readUint32(address - SSI_BASE);
    if (address >= XIP_CONTROL && address < XIP_CONTROL + PAGE) return 0;
    if (address === SELECT_PIN) return this.#selectControl;
    if (!isPeripheral(chip, address) && !isUsbMemory(address)) {
      throw new Error(`a read of 0x${address.toString(16)}, where nothing is`);
    }
    return chip.readUint32(address) >>> 0;
  }

  #control(value: number): void {
    this.#selectControl = value >>> 0;
    const driven = (value >> 8) & 3;
    this.#parts.ssi.forceSelect(driven === DRIVEN_LOW ? true : driven === DRIVEN_HIGH ? false : undefined);
  }

  #readSio(core: Core, offset: number): number {
    const { chip, mailboxes } = this.#parts;
    const number = core === chip.core ? 0 : 1;
    if (offset === 0) return number;
    if (offset >= FIFO_STATUS && offset <= FIFO_READ) return mailboxes.read(number, offset);
    const { sio } = offset >= OWN && offset < SPIN_LOCKS ? core.rp2040 : chip;
    return sio.readUint32(offset) >>> 0;
  }

  #writeSio(core: Core, offset: number, value: number): void {
    const { chip, mailboxes } = this.#parts;
    if (offset >= FIFO_STATUS && offset <= FIFO_READ) {
      mailboxes.write(core === chip.core ? 0 : 1, offset, value >>> 0);
      return;
    }
    const { sio } = offset >= OWN && offset < SPIN_LOCKS ? core.rp2040 : chip;
    sio.writeUint32(offset, value);
  }
}

function checkAlignment(address: number, bytes: Bytes): void {
  if (address % bytes !== 0)
    throw new Error(`an access of ${bytes} bytes at 0x${address.toString(16)}, which is unaligned`);
  if (address >= RAM && address < RAM + RAM_BYTES && address + bytes > RAM + RAM_BYTES) {
    throw new Error(`an access of ${bytes} bytes at 0x${address.toString(16)}, behind the memory`);
  }
}

/** Registers of which rp2040js knows; each block has three more places, for changes of bits. */
function isPeripheral(chip: RP2040, address: number): boolean {
  const isThere =
    (address >= 0x4000_0000 && address < 0x4008_0000) || (address >= 0x5000_0000 && address < 0x5040_0000);
  return isThere && chip.findPeripheral(address) !== undefined;
}

function isUsbMemory(address: number): boolean {
  return address >= USB_MEMORY && address < USB_MEMORY + USB_MEMORY_BYTES;
}

/** By the place of the alias: write, xor, set, clear. */
function updated(before: number, alias: number, value: number): number {
  switch (alias) {
    case 1:
      return before ^ value;
    case 2:
      return before | value;
    case 3:
      return before & ~value;
    default:
      return value;
  }
}
