/** An emulated Pico as a USB device, for a server: its transfers go to the thread with the chip, and end there. */

import { STANDARD_REQUEST } from '../../firmware/usb/standard-requests.js';
import type { SetupPacket } from '../../firmware/usb/setup-packet.js';
import type { UsbDevice } from '../../firmware/usb/usb-device.js';
import type { PicoReport, PicoRequest } from './pico-messages.js';

type OnUsb = Extract<PicoReport, { is: 'on-usb' }>;
type Result = Extract<PicoReport, { is: 'transferred' }>['result'];

const NOTHING = new Uint8Array(0);

export interface PicoUsbOptions {
  readonly found: OnUsb;
  readonly ask: (request: PicoRequest) => void;
  /** An endpoint that had nothing to give has something. */
  readonly onReady: () => void;
}

export class PicoUsb implements UsbDevice {
  readonly descriptors: UsbDevice['descriptors'];
  readonly awaitsReset = false;
  readonly hasLeft = false;
  readonly #options: PicoUsbOptions;
  readonly #pending = new Map<number, (result: Result) => void>();
  /** What endpoints have given, for the next who reads. */
  readonly #given = new Map<number, Result>();
  /** Those that are being read. */
  readonly #asked = new Set<number>();
  #ids = 0;
  #configuration = 0;

  constructor(options: PicoUsbOptions) {
    this.#options = options;
    this.descriptors = options.found;
  }

  get configuration(): number {
    return this.#configuration;
  }

  control(setup: SetupPacket, data: Uint8Array, later: (answer: Uint8Array | undefined) => void): 'nak' {
    this.#transfer({ endpoint: 0, setup, data, length: setup.length }, (result) => {
      const isConfiguration = setup.requestType === 0 && setup.request === STANDARD_REQUEST.setConfiguration;
      if (isConfiguration && result !== 'stall') this.#configuration = setup.value;
      later(result === 'stall' ? undefined : result);
    });
    return 'nak';
  }

  write(endpoint: number, data: Uint8Array, later: (end: 'ack' | 'stall') => void): 'nak' {
    this.#transfer({ endpoint, data, length: 0 }, (result) => later(result === 'stall' ? result : 'ack'));
    return 'nak';
  }

  read(endpoint: number, length: number): Uint8Array | 'nak' | 'stall' {
    const given = this.#given.get(endpoint);
    if (given === undefined) {
      if (!this.#asked.has(endpoint)) this.#ask(endpoint, length);
      return 'nak';
    }
    this.#given.delete(endpoint);
    if (given === 'stall' || given.length <= length) return given;
    this.#given.set(endpoint, given.subarray(length));
    return given.subarray(0, length);
  }

  busReset(): void {
    this.#configuration = 0;
    this.#pending.clear();
    this.#given.clear();
    this.#asked.clear();
    this.#options.ask({ is: 'bus-reset' });
  }

  /** It has its power from elsewhere: to the firmware, the next host begins with a reset. */
  unplug(): void {
    this.busReset();
  }

  /** A transfer has ended. */
  ended({ id, result }: Extract<PicoReport, { is: 'transferred' }>): void {
    const end = this.#pending.get(id);
    this.#pending.delete(id);
    end?.(result);
  }

  #ask(endpoint: number, length: number): void {
    this.#asked.add(endpoint);
    this.#transfer({ endpoint, data: NOTHING, length }, (result) => {
      this.#asked.delete(endpoint);
      this.#given.set(endpoint, result);
      this.#options.onReady();
    });
  }

  #transfer(
    transfer: Omit<Extract<PicoRequest, { is: 'transfer' }>, 'is' | 'id'>,
    onEnd: (result: Result) => void,
  ): void {
    const id = this.#ids++;
    this.#pending.set(id, onEnd);
    this.#options.ask({ is: 'transfer', id, ...transfer });
  }
}
