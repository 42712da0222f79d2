/** A microcontroller in boot mode as a device on the fake USB, in the time of a test; it starts as what the test says. */

import { decodeConfiguration } from '../../device/usb/descriptors.js';
import type { UsbDeviceInfo } from '../../device/usb/usb-device.js';
import { memoryStore } from '../../firmware-host/firmware/flash/flash-store.js';
import { BootDevice } from '../../firmware-host/virtual/pico-boot/boot-device.js';
import { BOOT_PRODUCT, BOOT_SERIAL, BOOT_VENDOR } from '../../firmware-host/virtual/pico-boot/boot-descriptors.js';
import type { BootChip } from '../../firmware-host/virtual/pico-boot/boot-descriptors.js';
import type { TestClock } from './board-on-a-line.js';
import type { Answer, Pluggable, RawSetup } from './fake-usb.js';

export interface BootModeOptions {
  readonly chip?: BootChip;
  /** What the flash holds. */
  readonly bits: Uint8Array;
  readonly onReboot?: () => void;
}

/** What becomes of a bulk transfer instead of what the device does. */
export type Trick = 'nothing' | 'stall' | Uint8Array | undefined;

export class PluggedBootMode implements Pluggable {
  readonly hasLeft = false;
  readonly bits: Uint8Array;
  /** Of what the host reads, by what the device gives. */
  onRead: (bytes: Uint8Array) => Trick = () => undefined;
  /** Of what the host writes. */
  onWrite: (bytes: Uint8Array) => Trick = () => undefined;
  /** Of a control transfer to the interface. */
  onVendor: (setup: RawSetup, answer: Answer) => Answer = (_, answer) => answer;
  readonly #chip: BootChip;
  readonly #device: BootDevice;
  #reads: (() => void)[] = [];

  constructor(clock: TestClock, { chip = 'rp2040', bits, onReboot = (): void => {} }: BootModeOptions) {
    this.bits = bits;
    this.#chip = chip;
    this.#device = new BootDevice({
      chip,
      flash: memoryStore(bits),
      after: (delayMs, run) => void clock.after(delayMs, run),
      onReady: () => {
        for (const resolve of this.#reads.splice(0)) clock.after(0, resolve);
      },
      onReboot,
    });
    this.#device.configure(1);
  }

  get info(): Omit<UsbDeviceInfo, 'path' | 'address'> {
    const { interfaces } = decodeConfiguration(this.#device.descriptors.configuration);
    const ids = { vendor: BOOT_VENDOR, product: BOOT_PRODUCT[this.#chip], serial: BOOT_SERIAL };
    return { ...ids, release: 0x0100, name: 'Raspberry Pi RP2 Boot', interfaces };
  }

  busReset(): void {
    this.#device.busReset();
  }

  unplugged(): void {
    this.#device.unplug();
    this.#device.configure(1);
    this.#reads = [];
  }

  control(setup: RawSetup, data: Uint8Array): Answer {
    const answer = this.#device.control(setup, data)?.slice() ?? 'stall';
    return (setup.requestType & 0x60) === 0x40 ? this.onVendor(setup, answer) : answer;
  }

  async bulkIn(endpoint: number, length: number): Promise<Uint8Array | 'stall'> {
    for (;;) {
      const bytes = this.#device.read(endpoint | 0x80, length);
      if (bytes === 'stall') return bytes;
      const trick = bytes === 'nak' ? undefined : this.onRead(bytes);
      if (trick === 'nothing') return await new Promise<never>(() => {});
      if (trick !== undefined) return trick;
      if (bytes !== 'nak') return bytes.slice();
      await new Promise<void>((resolve) => void this.#reads.push(resolve));
    }
  }

  async bulkOut(endpoint: number, data: Uint8Array): Promise<void | 'stall'> {
    const trick = this.onWrite(data);
    if (trick === 'nothing') return await new Promise<never>(() => {});
    if (trick === 'stall' || this.#device.write(endpoint, data) === 'stall') return 'stall';
  }
}
