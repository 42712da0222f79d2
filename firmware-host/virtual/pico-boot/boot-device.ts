/** A microcontroller in boot mode as a USB device: PICOBOOT, without the drive. */

import type { StandardDescriptors } from '../../firmware/usb/descriptors.js';
import { DESCRIPTOR } from '../../firmware/usb/descriptors.js';
import { isIn, RECIPIENT, TYPE } from '../../firmware/usb/setup-packet.js';
import type { SetupPacket } from '../../firmware/usb/setup-packet.js';
import { answerStandardRequest, STANDARD_REQUEST } from '../../firmware/usb/standard-requests.js';
import type { StandardDevice } from '../../firmware/usb/standard-requests.js';
import type { UsbDevice } from '../../firmware/usb/usb-device.js';
import { BOOT_IN, BOOT_INTERFACE, BOOT_OUT, bootDescriptors } from './boot-descriptors.js';
import { PicobootFunction, STATUS_BYTES } from './picoboot-function.js';
import type { PicobootOptions } from './picoboot-function.js';

const REQUEST = { reset: 0x41, status: 0x42 } as const;
const ENDPOINTS: ReadonlySet<number> = new Set([BOOT_OUT, BOOT_IN]);
const NOTHING = new Uint8Array(0);

export class BootDevice implements StandardDevice, UsbDevice {
  readonly descriptors: StandardDescriptors;
  readonly awaitsReset = false;
  readonly hasLeft = false;
  readonly #function: PicobootFunction;
  readonly #onReady: () => void;
  readonly #halted = new Set<number>();
  #configuration = 0;

  constructor(options: PicobootOptions) {
    this.descriptors = bootDescriptors(options.chip);
    this.#function = new PicobootFunction(options);
    this.#onReady = options.onReady;
  }

  get configuration(): number {
    return this.#configuration;
  }

  configure(configuration: number): void {
    this.#configuration = configuration;
    this.#reset();
  }

  alternateOf(interfaceNumber: number): number | undefined {
    return this.#configuration !== 0 && interfaceNumber === BOOT_INTERFACE ? 0 : undefined;
  }

  /** SET_INTERFACE is stalled. */
  selectAlternate(): boolean {
    return false;
  }

  isHalted(endpoint: number): boolean | undefined {
    return ENDPOINTS.has(endpoint) ? this.#halted.has(endpoint) : undefined;
  }

  setHalt(endpoint: number, isHalted: boolean): void {
    if (isHalted) this.#halted.add(endpoint);
    else this.#halted.delete(endpoint);
    this.#onReady();
  }

  control(setup: SetupPacket, data: Uint8Array): Uint8Array | undefined {
    if (data.length !== (isIn(setup) ? 0 : setup.length)) return undefined;
    const type = setup.requestType & TYPE.mask;
    if (type === TYPE.standard) {
      const isOfSpeed = [DESCRIPTOR.qualifier, DESCRIPTOR.otherSpeed].some((kind) => kind === setup.value >> 8);
      if (setup.request === STANDARD_REQUEST.getDescriptor && isOfSpeed) return undefined;
      return answerStandardRequest(this, setup)?.subarray(0, setup.length);
    }
    const isOurs = (setup.requestType & RECIPIENT.mask) === RECIPIENT.interface && setup.index === BOOT_INTERFACE;
    if (type !== TYPE.vendor || !isOurs) return undefined;
    if (isIn(setup)) {
      return setup.request === REQUEST.status && setup.length === STATUS_BYTES ? this.#function.status : undefined;
    }
    if (setup.request !== REQUEST.reset) return undefined;
    this.#reset();
    return NOTHING;
  }

  write(endpoint: number, bytes: Uint8Array): 'ack' | 'stall' {
    if (!this.#isOpen(BOOT_OUT) || endpoint !== BOOT_OUT) return 'stall';
    const end = this.#function.write(bytes);
    if (end === 'stall') for (const halted of ENDPOINTS) this.#halted.add(halted);
    this.#onReady();
    return end;
  }

  read(endpoint: number, length: number): Uint8Array | 'nak' | 'stall' {
    if (!this.#isOpen(BOOT_IN) || endpoint !== BOOT_IN) return 'stall';
    const bytes = this.#function.read(length);
    if (bytes === 'stall') this.#halted.add(BOOT_IN);
    return bytes;
  }

  busReset(): void {
    this.configure(0);
  }

  unplug(): void {
    this.configure(0);
  }

  #isOpen(endpoint: number): boolean {
    return this.#configuration !== 0 && !this.#halted.has(endpoint);
  }

  #reset(): void {
    this.#halted.clear();
    this.#function.reset();
  }
}
