/**
 * An open USB device: control transfers that end in time, with errors that say what happened, and the descriptors that
 * are read through them.
 *
 * A STALL is an answer: `undefined` or `false`. Any other failure is a BoardError.
 */

import { BoardError } from '../board-error.js';
import { systemClock } from '../clock.js';
import type { Clock } from '../clock.js';
import {
  configurationLength,
  decodeConfiguration,
  decodeDeviceDescriptor,
  decodeString,
  DESCRIPTOR,
  DescriptorError,
} from './descriptors.js';
import type { ConfigurationDescriptor, DeviceDescriptor } from './descriptors.js';
import { USB_LIMIT_MS } from './usb-device.js';
import type { UsbDevice, UsbDeviceInfo, UsbHost, UsbInResult, UsbSetup } from './usb-device.js';
import { usbBroken, usbLost, usbSilent } from './usb-error.js';

/** Nothing depends on a string; a device has its first bytes ready after 500 ms (USB 2.0, 9.2.6.4). */
const STRING_LIMIT_MS = 1000;

const GET_DESCRIPTOR = 6;
const US_ENGLISH = 0x0409;
const MAX_CONFIGURATIONS = 8;
/** Of UTF-16; some devices refuse a request for 255. */
const MAX_STRING_BYTES = 254;

export interface ConnectionOptions {
  readonly clock?: Clock;
  readonly signal?: AbortSignal | undefined;
  /** How long a control transfer may take. */
  readonly limitMs?: number | undefined;
}

export class UsbConnection {
  readonly name: string;
  readonly info: UsbDeviceInfo;
  readonly clock: Clock;
  /** How long a control transfer may take, unless the caller says otherwise. */
  readonly limitMs: number;
  readonly #device: UsbDevice;
  /** It has let a request for a string wait, so it is asked for no other one. */
  #isSilentOnStrings = false;
  #language: number | undefined;
  #isClosed = false;

  private constructor(name: string, info: UsbDeviceInfo, device: UsbDevice, clock: Clock, limitMs: number) {
    this.name = name;
    this.info = info;
    this.#device = device;
    this.clock = clock;
    this.limitMs = limitMs;
  }

  /** @throws BoardError */
  static async open(
    host: UsbHost,
    info: UsbDeviceInfo,
    { clock = systemClock, signal, limitMs = USB_LIMIT_MS }: ConnectionOptions = {},
  ): Promise<UsbConnection> {
    const device = await host.device(info, signal);
    const connection = new UsbConnection(host.nameOf(info), info, device, clock, limitMs);
    await connection.#inTime(device.open());
    return connection;
  }

  /** @param takeFrom a driver of the kernel that may be taken off it until the connection is closed */
  async claim(interfaceNumber: number, takeFrom?: string): Promise<void> {
    await this.#inTime(this.#device.claimInterface(interfaceNumber, takeFrom));
  }

  async selectAlternate(interfaceNumber: number, alternate: number): Promise<void> {
    await this.#inTime(this.#device.selectAlternateInterface(interfaceNumber, alternate));
  }

  /** Resets the port. The device may be another one afterwards, or gone, so the connection is to be closed. */
  async reset(): Promise<void> {
    // On Linux the reset fails if the device comes back with other descriptors, which is what it is for.
    await this.#inTime(this.#device.reset()).catch((error: unknown) => {
      if (!(error instanceof BoardError)) throw error;
    });
  }

  /** @returns at most `length` bytes; undefined for a STALL */
  async controlIn(setup: UsbSetup, length: number, limitMs = this.limitMs): Promise<Uint8Array | undefined> {
    const result = await this.#inTime(this.#device.controlTransferIn(setup, length, limitMs), limitMs);
    if (result.status === 'stall') return undefined;
    const bytes = bytesOf(result);
    if (result.status === 'babble' || bytes.length > length) {
      throw usbBroken(this.name, `it answers a request for ${length} bytes with more`);
    }
    return bytes;
  }

  /** @returns false for a STALL */
  async controlOut(
    setup: UsbSetup,
    data: Uint8Array<ArrayBuffer> = new Uint8Array(0),
    limitMs = this.limitMs,
  ): Promise<boolean> {
    const { status } = await this.#inTime(this.#device.controlTransferOut(setup, data, limitMs), limitMs);
    return status !== 'stall';
  }

  /** A bulk transfer that the device ends in time. @returns at most `length` bytes; undefined for a STALL */
  async answerIn(endpoint: number, length: number): Promise<Uint8Array | undefined> {
    const result = await this.#inTime(this.#device.transferIn(endpoint, length));
    if (result.status === 'stall') return undefined;
    const bytes = bytesOf(result);
    if (result.status !== 'babble' && bytes.length <= length) return bytes;
    throw usbBroken(this.name, `its endpoint ${endpoint} gives more than ${length} bytes`);
  }

  /** Likewise. @returns false for a STALL */
  async answerOut(endpoint: number, data: Uint8Array<ArrayBuffer>): Promise<boolean> {
    const { status = 'ok', bytesWritten } = await this.#inTime(this.#device.transferOut(endpoint, data));
    if (status === 'stall') return false;
    if (status === 'ok' && bytesWritten === data.length) return true;
    throw usbBroken(this.name, `its endpoint ${endpoint} takes ${bytesWritten} of ${data.length} bytes (${status})`);
  }

  /** Ends the STALL of an endpoint, which both sides begin anew. */
  async clearHalt(direction: 'in' | 'out', endpoint: number): Promise<void> {
    await this.#inTime(this.#device.clearHalt(direction, endpoint));
  }

  /** Waits as long as the device has nothing to say. */
  async bulkIn(endpoint: number, length: number): Promise<Uint8Array> {
    const result = await this.#device.transferIn(endpoint, length).catch((error: unknown) => this.#reject(error));
    if (result.status === 'ok' || result.status === undefined) return bytesOf(result);
    throw usbBroken(this.name, `its endpoint ${endpoint} answers with ${result.status}`);
  }

  /** Waits as long as the device takes nothing. */
  async bulkOut(endpoint: number, data: Uint8Array<ArrayBuffer>): Promise<void> {
    const { status = 'ok', bytesWritten } = await this.#device
      .transferOut(endpoint, data)
      .catch((error: unknown) => this.#reject(error));
    if (status === 'ok' && bytesWritten === data.length) return;
    throw usbBroken(this.name, `its endpoint ${endpoint} takes ${bytesWritten} of ${data.length} bytes (${status})`);
  }

  /** @throws BoardError `board-broken` if it cannot be read */
  async deviceDescriptor(): Promise<DeviceDescriptor> {
    return this.#decoded(decodeDeviceDescriptor, await this.#descriptor(DESCRIPTOR.device, 0, 18));
  }

  /** All configurations. @throws BoardError `board-broken` if one cannot be read */
  async configurations(): Promise<ConfigurationDescriptor[]> {
    const { configurations } = await this.deviceDescriptor();
    const result: ConfigurationDescriptor[] = [];
    for (let index = 0; index < Math.min(configurations, MAX_CONFIGURATIONS); index++) {
      const head = await this.#descriptor(DESCRIPTOR.configuration, index, 9);
      const length = this.#decoded(configurationLength, head);
      const whole = await this.#descriptor(DESCRIPTOR.configuration, index, length);
      result.push(this.#decoded(decodeConfiguration, whole));
    }
    return result;
  }

  /**
   * The text of a string descriptor; empty if there is none, it is none, or it cannot be read: strings are for people.
   */
  async string(index: number): Promise<string> {
    if (index === 0 || this.#isSilentOnStrings) return '';
    try {
      this.#language ??= await this.#firstLanguage();
      const setup = this.#descriptorSetup(DESCRIPTOR.string, index, this.#language);
      const bytes = await this.controlIn(setup, MAX_STRING_BYTES, STRING_LIMIT_MS);
      return bytes === undefined ? '' : textOr(bytes);
    } catch (error) {
      // If it is gone, the next request says so.
      if (!(error instanceof BoardError)) throw error;
      this.#isSilentOnStrings = error.code === 'board-silent';
      return '';
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // It may be gone, which is what closing is for.
    await this.#inTime(this.#device.close()).catch(() => {});
  }

  async #firstLanguage(): Promise<number> {
    const bytes = await this.controlIn(
      this.#descriptorSetup(DESCRIPTOR.string, 0, 0),
      MAX_STRING_BYTES,
      STRING_LIMIT_MS,
    );
    return bytes !== undefined && bytes.length >= 4 ? bytes[2]! | (bytes[3]! << 8) : US_ENGLISH;
  }

  async #descriptor(type: number, index: number, length: number): Promise<Uint8Array> {
    const bytes = await this.controlIn(this.#descriptorSetup(type, index, 0), length);
    if (bytes === undefined) throw usbBroken(this.name, `it refuses to give descriptor ${index} of type ${type}`);
    return bytes;
  }

  #descriptorSetup(type: number, index: number, language: number): UsbSetup {
    const value = (type << 8) | index;
    return { requestType: 'standard', recipient: 'device', request: GET_DESCRIPTOR, value, index: language };
  }

  #decoded<T>(decode: (bytes: Uint8Array) => T, bytes: Uint8Array): T {
    try {
      return decode(bytes);
    } catch (error) {
      throw error instanceof DescriptorError ? usbBroken(this.name, error.message, error) : error;
    }
  }

  /** The device may be of any make, and never answer. */
  async #inTime<T>(work: Promise<T>, limitMs = USB_LIMIT_MS): Promise<T> {
    let cancel = (): void => {};
    const timeout = new Promise<never>((_, reject) => {
      cancel = this.clock.after(limitMs, () => reject(usbSilent(this.name, limitMs)));
    });
    try {
      return await Promise.race([work, timeout]);
    } catch (error) {
      return await this.#reject(error);
    } finally {
      cancel();
    }
  }

  /** In our words, if they are not yet. */
  async #reject(error: unknown): Promise<never> {
    if (error instanceof BoardError || (error instanceof Error && error.name === 'AbortError')) throw error;
    throw usbLost(this.name, `A transfer failed (${String(error)}).`, error);
  }
}

function bytesOf({ data }: UsbInResult): Uint8Array {
  return data === undefined ? new Uint8Array(0) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function textOr(bytes: Uint8Array): string {
  try {
    return decodeString(bytes);
  } catch (error) {
    if (error instanceof DescriptorError) return '';
    throw error;
  }
}
