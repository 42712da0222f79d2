/** A virtual FPGA board as a device on the fake USB: its FT2232H, its flash, its FPGA, in the time of a test. */

import { decodeConfiguration } from '../../device/usb/descriptors.js';
import type { UsbDeviceInfo } from '../../device/usb/usb-device.js';
import { VirtualFpgaBoard } from '../../firmware-host/virtual/ftdi/virtual-fpga-board.js';
import type { VirtualFpgaBoardOptions } from '../../firmware-host/virtual/ftdi/virtual-fpga-board.js';
import { memoryStore } from '../../firmware-host/firmware/flash/flash-store.js';
import type { TestClock } from './board-on-a-line.js';
import type { Answer, Pluggable, RawSetup } from './fake-usb.js';

export const FLASH_BYTES = 2 ** 20;

export interface PluggedFpgaBoardOptions extends Partial<
  Pick<VirtualFpgaBoardOptions, 'timing' | 'isWpLow' | 'readsOn' | 'serial' | 'maker'>
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
