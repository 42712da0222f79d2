/**
 * An FT2232H as a USB device: channel A is an MPSSE with something on its pins, channel B a UART with a wire on it.
 * FTDI DS_FT2232H, AN_108, AN_135; the vendor requests as libftdi 1.5 and the kernel's ftdi_sio send them. Pure, but
 * for the latency timers, whose time is given from outside.
 *
 * Of the modes of a channel there are two here: UART, and (A only) MPSSE. Others are stalled, as is writing the EEPROM.
 */

import type { Wire, WireEvents } from '../wires/wire.js';
import { isIn, RECIPIENT, TYPE } from '../../firmware/usb/setup-packet.js';
import type { SetupPacket } from '../../firmware/usb/setup-packet.js';
import { answerStandardRequest } from '../../firmware/usb/standard-requests.js';
import type { StandardDevice } from '../../firmware/usb/standard-requests.js';
import type { StandardDescriptors } from '../../firmware/usb/descriptors.js';
import type { UsbDevice } from '../../firmware/usb/usb-device.js';
import { eepromOf } from './eeprom.js';
import { ftdiDescriptors, INTERFACES } from './ftdi-descriptors.js';
import type { FtdiNames } from './ftdi-descriptors.js';
import { FtdiPort, STATUS } from './ftdi-port.js';
import type { FtdiPortOptions } from './ftdi-port.js';
import { Mpsse } from './mpsse.js';
import type { MpssePins } from './mpsse.js';
import type { Timeline } from './timeline.js';

const REQUEST = {
  reset: 0,
  setModemControl: 1,
  setFlowControl: 2,
  setBaudRate: 3,
  setData: 4,
  getModemStatus: 5,
  setEventCharacter: 6,
  setErrorCharacter: 7,
  setLatencyTimer: 9,
  getLatencyTimer: 0x0a,
  setBitMode: 0x0b,
  readPins: 0x0c,
  readEeprom: 0x90,
} as const;

const RESET = { all: 0, purgeFromHost: 1, purgeToHost: 2 } as const;
const BIT_MODE = { reset: 0, mpsse: 2 } as const;

/** The wire takes no more while so much waits for the host. */
const HIGH_WATER_BYTES = 32_768;
/** The engine answers no more while so much waits for the host; the chip, which has 4 KiB, makes the host wait then. */
const MAX_ANSWER_BYTES = 2 ** 20;
const NOTHING = new Uint8Array(0);

export interface Ft2232hOptions extends FtdiPortOptions {
  readonly names: FtdiNames;
  /** On channel A. */
  readonly pins: MpssePins;
  /** Of those pins. */
  readonly time: Timeline;
  /** Is given channel B each time that a host configures the device. Nothing comes from it if nobody starts it. */
  readonly onWire?: (wire: Wire) => void;
  /** The cable was pulled, and with it the power of the board. */
  readonly onUnplug?: () => void;
}

export class Ft2232h implements StandardDevice, UsbDevice {
  readonly descriptors: StandardDescriptors;
  readonly awaitsReset = false;
  readonly hasLeft = false;
  readonly #options: Ft2232hOptions;
  readonly #eeprom: Uint8Array;
  readonly #ports: readonly [FtdiPort, FtdiPort];
  readonly #halted = new Set<number>();
  #configuration = 0;
  #mpsse: Mpsse | undefined;
  #wire: WireEvents | undefined;

  /** @throws RangeError if the names are too long */
  constructor(options: Ft2232hOptions) {
    this.#options = options;
    this.descriptors = ftdiDescriptors(options.names);
    this.#eeprom = eepromOf(options.names);
    this.#ports = [new FtdiPort(options), new FtdiPort({ ...options, onReady: () => this.#onRead() })];
  }

  get configuration(): number {
    return this.#configuration;
  }

  alternateOf(interfaceNumber: number): number | undefined {
    return this.#configuration !== 0 && interfaceNumber < INTERFACES ? 0 : undefined;
  }

  selectAlternate(_interfaceNumber: number, alternate: number): boolean {
    return alternate === 0;
  }

  isHalted(endpoint: number): boolean | undefined {
    return portOf(endpoint) === undefined ? undefined : this.#halted.has(endpoint);
  }

  setHalt(endpoint: number, isHalted: boolean): void {
    if (isHalted) this.#halted.add(endpoint);
    else this.#halted.delete(endpoint);
    this.#options.onReady();
  }

  configure(configuration: number): void {
    this.#hangUp();
    this.#configuration = configuration;
    if (configuration !== 0) this.#options.onWire?.(this.#plug());
  }

  control(setup: SetupPacket, data: Uint8Array): Uint8Array | undefined {
    if (data.length !== (isIn(setup) ? 0 : setup.length)) return undefined;
    const type = setup.requestType & TYPE.mask;
    if (type === TYPE.standard) return answerStandardRequest(this, setup)?.subarray(0, setup.length);
    const isForDevice = (setup.requestType & RECIPIENT.mask) === RECIPIENT.device;
    if (type !== TYPE.vendor || !isForDevice) return undefined;
    const answer = isIn(setup) ? this.#vendorIn(setup) : this.#vendorOut(setup);
    return answer?.subarray(0, setup.length);
  }

  write(endpoint: number, bytes: Uint8Array): 'ack' | 'stall' {
    const port = portOf(endpoint);
    if (port === undefined || !this.#isOpen(endpoint)) return 'stall';
    if (port === 0) this.#mpsse?.receive(bytes);
    else if (bytes.length > 0) this.#wire?.onData(bytes.slice());
    return 'ack';
  }

  read(endpoint: number, length: number): Uint8Array | 'nak' | 'stall' {
    const port = portOf(endpoint);
    if (port === undefined || !this.#isOpen(endpoint)) return 'stall';
    const bytes = this.#ports[port].read(length);
    if (port === 1 && bytes !== 'nak') this.#onRead();
    return bytes;
  }

  busReset(): void {
    this.configure(0);
  }

  unplug(): void {
    this.configure(0);
    this.#options.onUnplug?.();
  }

  #vendorIn({ request, value, index }: SetupPacket): Uint8Array | undefined {
    const port = this.#portAt(index);
    switch (request) {
      case REQUEST.getModemStatus:
        return Uint8Array.of(...STATUS);
      case REQUEST.getLatencyTimer:
        return port && Uint8Array.of(port.latencyMs);
      case REQUEST.readPins:
        return Uint8Array.of(port === this.#ports[0] ? this.#options.pins.levels() : 0xff);
      case REQUEST.readEeprom: {
        const at = (2 * index) % this.#eeprom.length;
        return value === 0 ? this.#eeprom.slice(at, at + 2) : undefined;
      }
      default:
        return undefined;
    }
  }

  #vendorOut({ request, value, index, length }: SetupPacket): Uint8Array | undefined {
    const port = this.#portAt(index & 0xff);
    if (port === undefined || length !== 0) return undefined;
    switch (request) {
      case REQUEST.reset:
        if (value > RESET.purgeToHost) return undefined;
        if (value !== RESET.purgeFromHost) port.purge();
        return NOTHING;
      case REQUEST.setModemControl:
      case REQUEST.setFlowControl:
      case REQUEST.setBaudRate:
      case REQUEST.setData:
      case REQUEST.setEventCharacter:
      case REQUEST.setErrorCharacter:
        // The wire is as fast as both ends, and has eight bits.
        return NOTHING;
      case REQUEST.setLatencyTimer:
        if (value < 1 || value > 255) return undefined;
        port.latencyMs = value;
        this.#options.onReady();
        return NOTHING;
      case REQUEST.setBitMode:
        return this.#setBitMode(port, value >> 8, value & 0xff) ? NOTHING : undefined;
      default:
        return undefined;
    }
  }

  #setBitMode(port: FtdiPort, mode: number, direction: number): boolean {
    const isA = port === this.#ports[0];
    if (mode !== BIT_MODE.reset && !(mode === BIT_MODE.mpsse && isA)) return false;
    if (!isA) return true;
    const { pins, time } = this.#options;
    const isFull = (): boolean => port.waitingBytes >= MAX_ANSWER_BYTES;
    time.catchUp();
    pins.drive(0, mode === BIT_MODE.mpsse ? direction : 0);
    this.#mpsse =
      mode === BIT_MODE.reset
        ? undefined
        : new Mpsse({ pins, time, onAnswer: (bytes) => port.push(bytes), onFlush: () => port.flush(), isFull });
    return true;
  }

  /** @param index 1 for A, 2 for B; 0 means A */
  #portAt(index: number): FtdiPort | undefined {
    return this.#ports[Math.max(0, index - 1)];
  }

  #isOpen(endpoint: number): boolean {
    return this.#configuration !== 0 && !this.#halted.has(endpoint);
  }

  /** Channel B, from the other end. */
  #plug(): Wire {
    const [, port] = this.#ports;
    let isOpen = true;
    return {
      get isReady() {
        return port.waitingBytes < HIGH_WATER_BYTES;
      },
      start: (events) => {
        this.#wire = {
          ...events,
          onGone: () => {
            isOpen = false;
            events.onGone();
          },
        };
      },
      write: (bytes) => {
        if (isOpen) port.push(bytes);
      },
      close: () => this.#hangUpWire(),
    };
  }

  /** Something was read from channel B, or may be. */
  #onRead(): void {
    this.#options.onReady();
    this.#wire?.onReady();
  }

  #hangUp(): void {
    this.#halted.clear();
    this.#setBitMode(this.#ports[0], BIT_MODE.reset, 0);
    for (const port of this.#ports) port.stop();
    this.#hangUpWire();
  }

  #hangUpWire(): void {
    const wire = this.#wire;
    this.#wire = undefined;
    wire?.onGone();
  }
}

/** Of which channel an endpoint is. @param address with the direction in bit 7 */
function portOf(address: number): 0 | 1 | undefined {
  const port = { 0x81: 0, 0x02: 0, 0x83: 1, 0x04: 1 } as const;
  return port[address as keyof typeof port];
}
