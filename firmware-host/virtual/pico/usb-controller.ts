/**
 * The USB controller of the RP2040 as a device (data sheet, 4.1), in the place of that of rp2040js, which gives a
 * packet away before a host has asked for it, and knows neither STALL nor the two kinds of data packets. What no host
 * could make sense of is an Error. Of the registers it has those that our firmware needs.
 */

import type { RP2040 } from 'rp2040js';

/** What a device does with a token of the host: a packet of its own, or one of these. */
export type Handshake = 'ack' | 'nak' | 'stall' | 'silence';

const WINDOW = 0x50110;
const REGISTER = {
  address: 0x00,
  main: 0x40,
  sie: 0x4c,
  status: 0x50,
  buffers: 0x58,
  stallArm: 0x68,
  muxing: 0x74,
  power: 0x78,
  interrupts: 0x90,
} as const;
const STATUS = { wasReset: 1 << 19, hasSetup: 1 << 17, connected: 1 << 16, suspended: 1 << 4 } as const;
const INTERRUPT = { ofReset: 1 << 12, ofSetup: 1 << 16, ofBuffers: 1 << 4 } as const;
/** Of the RP2040. */
const USB_IRQ = 5;
/** Of the status: written ones clear them. */
const CLEARED_BY_ONES = STATUS.wasReset | STATUS.hasSetup;
const ENABLED = 1;
const PULL_UP = 1 << 16;
/** The connection is the controller's, and it sees power: without either there is no device. */
const MUXING = 0b1001;
const POWER = 0b1100;
const BUFFER = { full: 1 << 15, data1: 1 << 13, stall: 1 << 11, available: 1 << 10, lengthMask: 0x3ff } as const;
const ENDPOINT_ENABLED = 2 ** 31;
const OFFSET_MASK = 0xffc0;
const CONTROL_BUFFER = 0x100;
const SETUP_BYTES = 8;
/** How registers may be written: as they are, or bits of them (2.1.2). */
const WRITE = { plain: 0, toggle: 1, set: 2, clear: 3 } as const;

/** What it needs of a chip: an RP2350 has the same controller, and its emulator the same parts. */
export type ControlledChip = Pick<RP2040, 'usbDPRAM' | 'usbDPRAMView' | 'peripherals' | 'setInterrupt'>;

export class UsbController {
  readonly #chip: ControlledChip;
  readonly #irq: number;
  readonly #memory: Uint8Array;
  readonly #view: DataView;
  readonly #registers = new Map<number, number>();

  /** Takes the place of the chip's. @param irq number of its interrupt */
  constructor(chip: ControlledChip, irq = USB_IRQ) {
    this.#chip = chip;
    this.#irq = irq;
    this.#memory = chip.usbDPRAM;
    this.#view = chip.usbDPRAMView;
    for (const offset of Object.values(REGISTER)) this.#registers.set(offset, 0);
    chip.peripherals[WINDOW] = this as never;
    Object.assign(chip, { usbCtrl: this });
  }

  /** Whether a host finds a device. */
  get isConnected(): boolean {
    const has = (offset: number, bits: number): boolean => (this.#registers.get(offset)! & bits) === bits;
    const isOn = has(REGISTER.main, ENABLED) && has(REGISTER.sie, PULL_UP);
    return isOn && has(REGISTER.muxing, MUXING) && has(REGISTER.power, POWER);
  }

  /** The host drives the bus to nothing for ten milliseconds. */
  busReset(): void {
    this.#set(REGISTER.status, STATUS.wasReset | STATUS.connected);
  }

  /** A setup packet is never refused. */
  setup(address: number, packet: Uint8Array): Handshake {
    if (!this.#hears(address)) return 'silence';
    this.#memory.set(packet.subarray(0, SETUP_BYTES));
    this.#registers.set(REGISTER.stallArm, 0);
    this.#set(REGISTER.status, STATUS.hasSetup);
    return 'ack';
  }

  /** @param isData1 what the host expects */
  in(address: number, endpoint: number, isData1: boolean): Uint8Array | Handshake {
    const control = this.#control(address, endpoint, true);
    if (typeof control === 'string') return control;
    if ((control & BUFFER.full) === 0) throw new Error(`endpoint ${endpoint} gives a packet that is not there`);
    this.#expect(endpoint, control, isData1);
    const from = this.#bufferOf(endpoint, true);
    const bytes = this.#memory.slice(from, from + (control & BUFFER.lengthMask));
    this.#done(endpoint, true, control & ~(BUFFER.available | BUFFER.full));
    return bytes;
  }

  out(address: number, endpoint: number, isData1: boolean, bytes: Uint8Array): Handshake {
    const control = this.#control(address, endpoint, false);
    if (typeof control === 'string') return control;
    this.#expect(endpoint, control, isData1);
    const room = control & BUFFER.lengthMask;
    if (bytes.length > room) throw new Error(`endpoint ${endpoint} has room for ${room} bytes, not ${bytes.length}`);
    this.#memory.set(bytes, this.#bufferOf(endpoint, false));
    this.#done(endpoint, false, (control & ~(BUFFER.available | BUFFER.lengthMask)) | BUFFER.full | bytes.length);
    return 'ack';
  }

  /** @throws Error for a register that is not here */
  readUint32(offset: number): number {
    const value = this.#registers.get(offset);
    if (value === undefined) throw new Error(`USB register 0x${offset.toString(16)} is not modelled`);
    return value;
  }

  /** @param kind 0 plain, or bits: 1 toggles, 2 sets, 3 clears @throws Error for a register that is not here */
  writeUint32Atomic(offset: number, bits: number, kind: number): void {
    const old = this.readUint32(offset);
    if (offset === REGISTER.buffers) this.#registers.set(offset, old & ~bits);
    else if (offset === REGISTER.status) this.#registers.set(offset, old & ~(bits & CLEARED_BY_ONES));
    else if (kind === WRITE.plain) this.#registers.set(offset, bits);
    else if (kind === WRITE.set) this.#registers.set(offset, old | bits);
    else this.#registers.set(offset, kind === WRITE.clear ? old & ~bits : old ^ bits);
    this.#interrupt();
  }

  /** Is told of each word that is written into the memory of the controller; it looks there when a host asks. */
  DPRAMUpdated(): void {}

  #set(offset: number, bits: number): void {
    this.#registers.set(offset, this.#registers.get(offset)! | bits);
    this.#interrupt();
  }

  /** The line to the processor is high as long as there is a reason. */
  #interrupt(): void {
    const status = this.#registers.get(REGISTER.status)!;
    const reasons =
      ((status & STATUS.wasReset) !== 0 ? INTERRUPT.ofReset : 0) |
      ((status & STATUS.hasSetup) !== 0 ? INTERRUPT.ofSetup : 0) |
      (this.#registers.get(REGISTER.buffers) !== 0 ? INTERRUPT.ofBuffers : 0);
    this.#chip.setInterrupt(this.#irq, (reasons & this.#registers.get(REGISTER.interrupts)!) !== 0);
  }

  #hears(address: number): boolean {
    return this.isConnected && (this.#registers.get(REGISTER.address)! & 0x7f) === address;
  }

  /** The buffer's, if it is available; else what the host hears. */
  #control(address: number, endpoint: number, isIn: boolean): number | Handshake {
    if (!this.#hears(address)) return 'silence';
    const isControl = endpoint === 0;
    if (!isControl && (this.#view.getUint32(8 * endpoint + (isIn ? 0 : 4), true) & ENDPOINT_ENABLED) === 0)
      return 'silence';
    const control = this.#view.getUint32(controlAt(endpoint, isIn), true);
    if ((control & BUFFER.stall) !== 0) {
      const isArmed = !isControl || (this.#registers.get(REGISTER.stallArm)! & (isIn ? 1 : 2)) !== 0;
      if (isArmed) return 'stall';
    }
    return (control & BUFFER.available) === 0 ? 'nak' : control;
  }

  #expect(endpoint: number, control: number, isData1: boolean): void {
    if (((control & BUFFER.data1) !== 0) === isData1) return;
    throw new Error(`endpoint ${endpoint} is at DATA${isData1 ? 0 : 1}, its host at DATA${isData1 ? 1 : 0}`);
  }

  #bufferOf(endpoint: number, isIn: boolean): number {
    if (endpoint === 0) return CONTROL_BUFFER;
    return this.#view.getUint32(8 * endpoint + (isIn ? 0 : 4), true) & OFFSET_MASK;
  }

  #done(endpoint: number, isIn: boolean, control: number): void {
    this.#view.setUint32(controlAt(endpoint, isIn), control, true);
    this.#set(REGISTER.buffers, 1 << (2 * endpoint + (isIn ? 0 : 1)));
  }
}

function controlAt(endpoint: number, isIn: boolean): number {
  return 0x80 + 8 * endpoint + (isIn ? 0 : 4);
}
