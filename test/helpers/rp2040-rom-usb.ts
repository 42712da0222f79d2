/**
 * The RP2040's USB controller as its boot ROM uses it (data sheet, 4.1): two buffers for an endpoint, of which the
 * processor and the controller have one each, and transfers that are taken back. What no host could make sense of is
 * an Error.
 */

import type { RP2040 } from 'rp2040js';
import type { PacketDevice } from '../../firmware-host/virtual/pico/usb-host.js';

const WINDOW = 0x50110;
const USB_IRQ = 5;
const REGISTERS_BYTES = 0x9c;
const AT = {
  address: 0x00,
  main: 0x40,
  sie: 0x4c,
  status: 0x50,
  buffers: 0x58,
  which: 0x5c,
  abort: 0x60,
  aborted: 0x64,
  stallArm: 0x68,
  raw: 0x8c,
  enabled: 0x90,
  interrupts: 0x98,
} as const;
const STATUS = { reset: 1 << 19, setup: 1 << 17, connected: 1 << 16 } as const;
const INTERRUPT = { buffers: 1 << 4, reset: 1 << 12, setup: 1 << 16 } as const;
const ENABLED = 1;
const PULL_UP = 1 << 16;
const BUFFER = { full: 1 << 15, data1: 1 << 13, select: 1 << 12, stall: 1 << 11, available: 1 << 10, length: 0x3ff };
const DOUBLE = 1 << 30;
const OFFSET_MASK = 0xffc0;
const CONTROL_BUFFER = 0x100;
const BUFFER_BYTES = 64;

type Handshake = 'ack' | 'nak' | 'stall' | 'silence';

/** A buffer that is the controller's. */
interface Buffer {
  readonly control: number;
  /** Of its half word. */
  readonly at: number;
  readonly bytesAt: number;
  readonly bit: number;
}

export class RomUsbController implements PacketDevice {
  readonly #chip: RP2040;
  readonly #registers = new Uint32Array(REGISTERS_BYTES / 4);
  /** By bit of the buffers' status: which one is next. */
  readonly #next = new Map<number, 0 | 1>();

  /** Takes the place of the chip's. */
  constructor(chip: RP2040) {
    this.#chip = chip;
    chip.peripherals[WINDOW] = this;
    Object.assign(chip, { usbCtrl: this });
  }

  get isConnected(): boolean {
    return (this.#get(AT.main) & ENABLED) !== 0 && (this.#get(AT.sie) & PULL_UP) !== 0;
  }

  busReset(): void {
    this.#set(AT.status, this.#get(AT.status) | STATUS.reset | STATUS.connected);
  }

  setup(address: number, packet: Uint8Array): Handshake {
    if (!this.#hears(address) || (this.#get(AT.status) & STATUS.reset) !== 0) return 'silence';
    if ((this.#get(AT.status) & STATUS.setup) !== 0) return 'nak';
    this.#chip.usbDPRAM.set(packet.subarray(0, 8));
    this.#set(AT.stallArm, 0);
    this.#set(AT.status, this.#get(AT.status) | STATUS.setup);
    return 'ack';
  }

  in(address: number, endpoint: number, isData1: boolean): Uint8Array | Handshake {
    const buffer = this.#buffer(address, endpoint, true, isData1);
    if (typeof buffer === 'string') return buffer;
    if ((buffer.control & BUFFER.full) === 0) throw new Error(`endpoint ${endpoint} gives a packet that is not there`);
    const length = buffer.control & BUFFER.length;
    const bytes = this.#chip.usbDPRAM.slice(buffer.bytesAt, buffer.bytesAt + length);
    this.#done(buffer, buffer.control & ~(BUFFER.available | BUFFER.full));
    return bytes;
  }

  out(address: number, endpoint: number, isData1: boolean, bytes: Uint8Array): Handshake {
    const buffer = this.#buffer(address, endpoint, false, isData1);
    if (typeof buffer === 'string') return buffer;
    if (bytes.length > (buffer.control & BUFFER.length)) throw new Error(`endpoint ${endpoint} has no room`);
    this.#chip.usbDPRAM.set(bytes, buffer.bytesAt);
    this.#done(buffer, (buffer.control & ~(BUFFER.available | BUFFER.length)) | BUFFER.full | bytes.length);
    return 'ack';
  }

  readUint32(offset: number): number {
    if (offset === AT.interrupts) return this.#reasons();
    return this.#get(offset);
  }

  writeUint32(offset: number, value: number): void {
    this.writeUint32Atomic(offset, value, 0);
  }

  writeUint32Atomic(offset: number, bits: number, kind: number): void {
    const old = this.#get(offset);
    // Written ones clear, however they are written.
    if (offset === AT.status || offset === AT.buffers || offset === AT.aborted) this.#set(offset, old & ~bits);
    else this.#set(offset, [bits, old ^ bits, old | bits, old & ~bits][kind]!);
    if (offset === AT.abort) this.#set(AT.aborted, this.#get(AT.abort));
  }

  DPRAMUpdated(): void {}

  #get(offset: number): number {
    return this.#registers[offset / 4] ?? 0;
  }

  #set(offset: number, value: number): void {
    this.#registers[offset / 4] = value;
    this.#chip.setInterrupt(USB_IRQ, (this.#reasons() & this.#get(AT.enabled)) !== 0);
  }

  #reasons(): number {
    const status = this.#get(AT.status);
    return (
      ((status & STATUS.reset) !== 0 ? INTERRUPT.reset : 0) |
      ((status & STATUS.setup) !== 0 ? INTERRUPT.setup : 0) |
      (this.#get(AT.buffers) !== 0 ? INTERRUPT.buffers : 0)
    );
  }

  #hears(address: number): boolean {
    return this.isConnected && (this.#get(AT.address) & 0x7f) === address;
  }

  #buffer(address: number, endpoint: number, isIn: boolean, isData1: boolean): Buffer | Handshake {
    if (!this.#hears(address)) return 'silence';
    const { usbDPRAMView: view } = this.#chip;
    const side = isIn ? 0 : 4;
    const endpointControl = endpoint === 0 ? CONTROL_BUFFER : view.getUint32(8 * endpoint + side, true);
    if (endpoint !== 0 && endpointControl >>> 31 === 0) return 'silence';
    const bit = 1 << (2 * endpoint + (isIn ? 0 : 1));
    const at = 0x80 + 8 * endpoint + side;
    if ((view.getUint16(at, true) & BUFFER.select) !== 0) {
      this.#next.set(bit, 0);
      view.setUint16(at, view.getUint16(at, true) & ~BUFFER.select, true);
    }
    const isStalled = (view.getUint16(at, true) & BUFFER.stall) !== 0;
    if (isStalled && (endpoint !== 0 || (this.#get(AT.stallArm) & (isIn ? 1 : 2)) !== 0)) return 'stall';
    // The processor has not looked at the last one yet.
    if ((this.#get(AT.buffers) & bit) !== 0) return 'nak';
    const which = (endpointControl & DOUBLE) === 0 || endpoint === 0 ? 0 : (this.#next.get(bit) ?? 0);
    const control = view.getUint16(at + 2 * which, true);
    if ((control & BUFFER.available) === 0) return 'nak';
    if (((control & BUFFER.data1) !== 0) !== isData1) throw new Error(`endpoint ${endpoint}: the other kind of data`);
    const bytesAt = (endpointControl & OFFSET_MASK) + BUFFER_BYTES * which;
    this.#set(AT.which, which === 0 ? this.#get(AT.which) & ~bit : this.#get(AT.which) | bit);
    if ((endpointControl & DOUBLE) !== 0 && endpoint !== 0) this.#next.set(bit, which === 0 ? 1 : 0);
    return { control, at: at + 2 * which, bytesAt, bit };
  }

  #done({ at, bit }: Buffer, control: number): void {
    this.#chip.usbDPRAMView.setUint16(at, control, true);
    this.#set(AT.buffers, this.#get(AT.buffers) | bit);
  }
}
