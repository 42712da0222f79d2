/** A virtual FPGA board as a device on the fake USB: its FT2232H, its flash, its FPGA, in the time of a test. */

import { decodeConfiguration } from '../../device/usb/descriptors.js';
import type { UsbDeviceInfo } from '../../device/usb/usb-device.js';
import { VirtualFpgaBoard } from '../../firmware-host/ftdi/virtual-fpga-board.js';
import type { VirtualFpgaBoardOptions } from '../../firmware-host/ftdi/virtual-fpga-board.js';
import { memoryStore } from '../../firmware-host/flash/flash-store.js';
import type { TestClock } from './board-on-a-line.js';
import type { Answer, Pluggable, RawSetup } from './fake-usb.js';

export const FLASH_BYTES = 2 ** 20;

export interface PluggedFpgaBoardOptions extends Partial<
  Pick<VirtualFpgaBoardOptions, 'timing' | 'isWpLow' | 'serial'>
> {
  /** What the flash holds; erased if absent. */
  readonly bits?: Uint8Array;
}

export class PluggedFpgaBoard implements Pluggable {
  readonly hasLeft = false;
  readonly bits: Uint8Array;
  readonly board: VirtualFpgaBoard;
  #reads: (() => void)[] = [];

  constructor(clock: TestClock, { bits, serial = 'F-1', ...options }: PluggedFpgaBoardOptions = {}) {
    this.bits = bits ?? new Uint8Array(FLASH_BYTES).fill(0xff);
    this.board = new VirtualFpgaBoard({
      ...options,
      serial,
      store: memoryStore(this.bits),
      now: () => clock.now(),
      after: (delayMs, run) => clock.after(delayMs, run),
      onReady: () => {
        for (const resolve of this.#reads.splice(0)) clock.after(0, resolve);
      },
    });
    this.board.device.configure(1);
  }

  get info(): Omit<UsbDeviceInfo, 'path' | 'address'> {
    const { interfaces } = decodeConfiguration(this.board.device.descriptors.configuration);
    return { vendor: 0x0403, product: 0x6010, release: 0x0700, serial: 'F-1', name: 'FTDI Dual RS232-HS', interfaces };
  }

  busReset(): void {
    this.board.device.busReset();
  }

  unplugged(): void {
    this.board.device.unplug();
    this.board.device.configure(1);
    this.#reads = [];
  }

  control(setup: RawSetup, data: Uint8Array): Answer {
    return this.board.device.control(setup, data)?.slice() ?? 'stall';
  }

  async bulkIn(endpoint: number, length: number): Promise<Uint8Array> {
    for (;;) {
      const bytes = this.board.device.read(endpoint | 0x80, length);
      if (bytes === 'stall') throw new Error('the endpoint is halted');
      if (bytes !== 'nak') return bytes.slice();
      await new Promise<void>((resolve) => void this.#reads.push(resolve));
    }
  }

  bulkOut(endpoint: number, data: Uint8Array): void {
    if (this.board.device.write(endpoint, data) === 'stall') throw new Error('the endpoint is halted');
  }
}

/** A bitstream of a small FPGA that there is not, in the format of those that there are. @param seed of its content */
export function bitstream(seed: number, { sleeps = true } = {}): Uint8Array {
  const data = Array.from({ length: 64 }, (_, index) => (index * 37 + seed * 11) & 0xff);
  const commands = [0x51, 0x00, 0x01, 0x05];
  const options = [0x92, 0x00, sleeps ? 0x20 : 0x21];
  // 32 columns of 16 bits.
  const bank = [0x62, 0x00, 0x1f, 0x72, 0x00, 0x10, 0x82, 0x00, 0x00, 0x11, 0x00, 0x01, 0x01];
  const covered = [...options, ...bank, ...data, 0x00, 0x00, 0x22];
  const crc = crc16(covered);
  const comment = [0xff, 0x00, ...Buffer.from('test'), 0x00, 0x00, 0xff];
  return Uint8Array.from([
    ...comment,
    0x7e,
    0xaa,
    0x99,
    0x7e,
    ...commands,
    ...covered,
    crc >> 8,
    crc & 0xff,
    0x01,
    0x06,
    0x00,
  ]);
}

/** CRC-16-CCITT, by polynomial division over all bits at once. */
function crc16(bytes: readonly number[]): number {
  let value = BigInt(`0x${Buffer.from([...bytes, 0, 0]).toString('hex')}`);
  const length = BigInt(8 * (bytes.length + 2));
  // A start value of ones is the same as the first 16 bits inverted.
  value ^= 0xffffn << (length - 16n);
  for (let bit = length - 1n; bit >= 16n; bit--) {
    if (((value >> bit) & 1n) === 1n) value ^= 0x11021n << (bit - 16n);
  }
  return Number(value);
}
