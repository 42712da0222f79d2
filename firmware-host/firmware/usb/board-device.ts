/**
 * A board as a USB device: what its control endpoint and its bulk endpoints do with the transfers of a host. Pure: a
 * bus (USB/IP, a test) calls it; nothing waits, and time is asked for. docs/USB.md; USB 2.0, chapter 9.
 *
 * Address and signalling are the bus's business. A bus reset is told by {@link BoardDevice.busReset}.
 */

import type { Board, BoardIdentity } from '../board.js';
import type { Wire } from '../../virtual/wires/wire.js';
import { CdcAcm } from './cdc-acm.js';
import {
  BULK_IN_ENDPOINT,
  BULK_OUT_ENDPOINT,
  deviceDescriptors,
  NOTIFICATION_ENDPOINT,
  SERIAL_CONTROL_INTERFACE,
} from './descriptors.js';
import type { DeviceDescriptors } from './descriptors.js';
import type { DfuMode } from './dfu.js';
import { DfuFunction } from './dfu-function.js';
import { DFU_ATTRIBUTE } from './dfu-protocol.js';
import type { DfuStateName } from './dfu-protocol.js';
import { MICROSOFT_SET_INDEX, MICROSOFT_VENDOR_CODE } from './platform-descriptors.js';
import { isIn, RECIPIENT, TYPE } from './setup-packet.js';
import type { SetupPacket } from './setup-packet.js';
import { answerStandardRequest } from './standard-requests.js';
import type { StandardDevice } from './standard-requests.js';
import type { UsbDevice } from './usb-device.js';

export interface BoardDeviceOptions {
  readonly board: Board;
  readonly identity: BoardIdentity;
  readonly sectorBytes: number;
  readonly mode: DfuMode;
  readonly now: () => number;
  /** Is given the serial port each time that a host configures the device. */
  readonly onWire: (wire: Wire) => void;
  /** An endpoint that had nothing to give has something. */
  readonly onReady: () => void;
}

export class BoardDevice implements StandardDevice, UsbDevice {
  readonly #options: BoardDeviceOptions;
  readonly #serial: CdcAcm;
  #descriptors: DeviceDescriptors;
  #dfu: DfuFunction;
  #isRuntime: boolean;
  #configuration = 0;
  readonly #halted = new Set<number>();
  #hasLeft = false;

  constructor(options: BoardDeviceOptions) {
    this.#options = options;
    this.#serial = new CdcAcm(options.onReady);
    this.#isRuntime = options.mode !== 'always';
    [this.#descriptors, this.#dfu] = this.#enumerate();
  }

  get descriptors(): DeviceDescriptors {
    return this.#descriptors;
  }

  get configuration(): number {
    return this.#configuration;
  }

  /** Of DFU. */
  get dfuState(): DfuStateName {
    return this.#dfu.state;
  }

  get awaitsReset(): boolean {
    const { state } = this.#dfu;
    return state === 'appDETACH' || state === 'dfuMANIFEST_WAIT_RESET';
  }

  get hasLeft(): boolean {
    return this.#hasLeft;
  }

  /**
   * Whether an endpoint is halted; undefined if there is no such endpoint.
   *
   * @param address with the direction in bit 7
   */
  isHalted(address: number): boolean | undefined {
    return this.#hasEndpoint(address) ? this.#halted.has(address) : undefined;
  }

  setHalt(address: number, isHalted: boolean): void {
    if (isHalted) this.#halted.add(address);
    else this.#halted.delete(address);
    this.#options.onReady();
  }

  /** The selected setting of an interface; undefined if there is no such interface, or no configuration. */
  alternateOf(interfaceNumber: number): number | undefined {
    const { dfuInterface } = this.#descriptors;
    if (this.#configuration === 0 || interfaceNumber > dfuInterface) return undefined;
    return interfaceNumber === dfuInterface ? this.#dfu.alternate : 0;
  }

  /** False if there is no such setting. */
  selectAlternate(interfaceNumber: number, alternate: number): boolean {
    if (interfaceNumber === this.#descriptors.dfuInterface) return this.#dfu.select(alternate);
    return alternate === 0;
  }

  /** @param configuration 0 or 1 */
  configure(configuration: number): void {
    this.#halted.clear();
    this.#dfu.reset();
    this.#configuration = configuration;
    if (configuration === 0 || !this.#descriptors.hasSerial) this.#serial.unplug();
    else this.#options.onWire(this.#serial.plug());
  }

  control(setup: SetupPacket, data: Uint8Array): Uint8Array | undefined {
    const answer = data.length === (isIn(setup) ? 0 : setup.length) ? this.#answer(setup, data) : undefined;
    if (this.#dfu.state === 'appDETACH' && this.#options.mode === 'will-detach') this.#leave();
    return answer?.subarray(0, setup.length);
  }

  write(endpoint: number, bytes: Uint8Array): 'ack' | 'stall' {
    if (!this.#isOpen(endpoint) || endpoint !== BULK_OUT_ENDPOINT) return 'stall';
    this.#serial.receive(bytes);
    return 'ack';
  }

  read(endpoint: number, length: number): Uint8Array | 'nak' | 'stall' {
    if (!this.#isOpen(endpoint) || endpoint === BULK_OUT_ENDPOINT) return 'stall';
    return (endpoint === BULK_IN_ENDPOINT ? this.#serial.transmit(length) : undefined) ?? 'nak';
  }

  busReset(): void {
    // Out of any state of DFU mode to the runtime: DFU 1.1, A.2.3 to A.2.11.
    this.#isRuntime = this.#options.mode !== 'always' && this.#dfu.state !== 'appDETACH';
    this.#restart();
  }

  unplug(): void {
    if (!this.#hasLeft) this.#isRuntime = this.#options.mode !== 'always';
    this.#hasLeft = false;
    this.#restart();
  }

  #leave(): void {
    this.#hasLeft = true;
    this.#isRuntime = false;
  }

  #restart(): void {
    this.configure(0);
    [this.#descriptors, this.#dfu] = this.#enumerate();
  }

  #enumerate(): [DeviceDescriptors, DfuFunction] {
    const { identity, mode } = this.#options;
    const isRuntime = this.#isRuntime;
    const ability = DFU_ATTRIBUTE.canDownload | DFU_ATTRIBUTE.canUpload;
    const attributes = {
      always: DFU_ATTRIBUTE.manifestationTolerant,
      reset: 0,
      'will-detach': DFU_ATTRIBUTE.willDetach,
    };
    return [
      deviceDescriptors({
        identity,
        hasSerial: isRuntime || mode === 'always',
        dfuProtocol: isRuntime ? 1 : 2,
        dfuAttributes: ability | attributes[mode],
      }),
      new DfuFunction({ ...this.#options, isRuntime }),
    ];
  }

  #answer(setup: SetupPacket, data: Uint8Array): Uint8Array | undefined {
    const type = setup.requestType & TYPE.mask;
    if (type === TYPE.standard) return answerStandardRequest(this, setup);
    const recipient = setup.requestType & RECIPIENT.mask;
    if (recipient === RECIPIENT.device) return this.#vendorRequest(setup);
    if (recipient !== RECIPIENT.interface || this.#configuration === 0) return undefined;
    const { dfuInterface, hasSerial } = this.#descriptors;
    if (setup.index === dfuInterface) return this.#dfu.request(setup, data);
    const isSerial = hasSerial && setup.index === SERIAL_CONTROL_INTERFACE && type === TYPE.class;
    return isSerial ? this.#serial.request(setup, data) : undefined;
  }

  #vendorRequest({ requestType, request, index }: SetupPacket): Uint8Array | undefined {
    const isForSet =
      requestType === (0x80 | TYPE.vendor) && request === MICROSOFT_VENDOR_CODE && index === MICROSOFT_SET_INDEX;
    return isForSet ? this.#descriptors.microsoftSet : undefined;
  }

  #hasEndpoint(address: number): boolean {
    return (
      this.#descriptors.hasSerial &&
      (address === BULK_IN_ENDPOINT || address === BULK_OUT_ENDPOINT || address === NOTIFICATION_ENDPOINT)
    );
  }

  #isOpen(address: number): boolean {
    return this.#configuration !== 0 && this.#hasEndpoint(address) && !this.#halted.has(address);
  }
}
