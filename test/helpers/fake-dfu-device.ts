/**
 * A device that speaks DFU 1.1, written from the standard (USB-IF, 5 August 2004) alone: chapters 4 to 6 and appendix
 * A.2. No firmware of ours is in it. What it does wrong is chosen by the test.
 */

import type { UsbDeviceInfo } from '../../device/usb/usb-device.js';
import type { Answer, Pluggable, RawSetup } from './fake-usb.js';

export interface FakeDfuOptions {
  readonly vendor?: number;
  readonly product?: number;
  readonly serial?: string;
  /** Those of DFU mode, if they are others. */
  readonly dfuProduct?: number;
  readonly dfuSerial?: string;
  /** Starts as an application; how it gets to DFU mode. */
  readonly runtime?: 'reset' | 'will-detach';
  /** Names of the alternate settings. */
  readonly settings?: readonly string[];
  /** Each setting is an interface of its own, whose only one it is. */
  readonly isInterfaceEach?: boolean;
  /** The mode that its descriptors claim, whatever it is in. */
  readonly claims?: 'runtime' | 'dfu';
  /** How long it takes over a request. */
  readonly delayMs?: (setup: RawSetup) => number;
  readonly transferSize?: number;
  /** bit 0 download, 1 upload, 2 manifestation tolerant; bit 3 comes from `runtime`. */
  readonly attributes?: number;
  readonly version?: number;
  /** The functional descriptor: behind every alternate setting, or behind the last one. */
  readonly functional?: 'each' | 'last' | 'none';
  readonly memoryBytes?: number;
  /** Of a block, and of manifestation. */
  readonly busyMs?: number;
  readonly manifestMs?: number;
  /** Restarts at manifestation, as many boot loaders do, without waiting for a reset. */
  readonly leavesAtManifest?: boolean;
  readonly now: () => number;
  /** What it answers instead; undefined: as the standard has it. */
  readonly instead?: (setup: RawSetup, answer: Answer, device: FakeDfuDevice) => Answer | undefined;
}

/** A.1: names as the standard writes them. */
export type State =
  | 'appIDLE'
  | 'appDETACH'
  | 'dfuIDLE'
  | 'dfuDNLOAD-SYNC'
  | 'dfuDNBUSY'
  | 'dfuDNLOAD-IDLE'
  | 'dfuMANIFEST-SYNC'
  | 'dfuMANIFEST'
  | 'dfuMANIFEST-WAIT-RESET'
  | 'dfuUPLOAD-IDLE'
  | 'dfuERROR';

const STATES: readonly State[] = [
  'appIDLE',
  'appDETACH',
  'dfuIDLE',
  'dfuDNLOAD-SYNC',
  'dfuDNBUSY',
  'dfuDNLOAD-IDLE',
  'dfuMANIFEST-SYNC',
  'dfuMANIFEST',
  'dfuMANIFEST-WAIT-RESET',
  'dfuUPLOAD-IDLE',
  'dfuERROR',
];

const NOTHING = new Uint8Array(0);

export class FakeDfuDevice implements Pluggable {
  readonly #options: FakeDfuOptions;
  /** By alternate setting. */
  readonly memories: Uint8Array[];
  state: State;
  status = 0;
  /** Status that the next block ends in. */
  failNext = 0;
  /** How often the firmware was taken into use. */
  manifestations = 0;
  /** Resets of its port. */
  resets = 0;
  hasLeft = false;
  #isRuntime: boolean;
  #alternate = 0;
  #position = 0;
  /** Time that the last block takes, not announced yet. */
  #owedMs = 0;
  #readyAtMs = 0;

  constructor(options: FakeDfuOptions) {
    this.#options = options;
    this.#isRuntime = options.runtime !== undefined;
    this.memories = this.#settings.map(() => new Uint8Array(options.memoryBytes ?? 16_384).fill(0xff));
    this.state = this.#isRuntime ? 'appIDLE' : 'dfuIDLE';
  }

  get #settings(): readonly string[] {
    return this.#options.settings ?? ['flash'];
  }

  get #attributes(): number {
    return (this.#options.attributes ?? 7) | (this.#options.runtime === 'will-detach' ? 8 : 0);
  }

  get info(): Omit<UsbDeviceInfo, 'path' | 'address'> {
    const {
      vendor = 0x1d50,
      product = 0x6017,
      serial = 'F-1',
      dfuProduct = product,
      dfuSerial = serial,
    } = this.#options;
    return {
      vendor,
      product: this.#isRuntime ? product : dfuProduct,
      release: 0x0100,
      serial: this.#isRuntime ? serial : dfuSerial,
      name: 'Fake device',
      interfaces: [{ number: 0, class: 0xfe, subclass: 1, protocol: this.#protocol }],
    };
  }

  /** `bInterfaceProtocol`. */
  get #protocol(): number {
    const { claims = this.#isRuntime ? 'runtime' : 'dfu' } = this.#options;
    return claims === 'runtime' ? 1 : 2;
  }

  delayMs(setup: RawSetup): number {
    return this.#options.delayMs?.(setup) ?? 0;
  }

  busReset(): void {
    this.resets++;
    // A.2.2: from appDETACH a reset leads to DFU mode; from DFU mode it leads to the application.
    if (this.state === 'appDETACH') this.#isRuntime = false;
    else if (this.#options.runtime !== undefined) this.#isRuntime = true;
    this.state = this.#isRuntime ? 'appIDLE' : 'dfuIDLE';
    this.status = 0;
  }

  unplugged(): void {
    const goesToDfuMode = this.hasLeft && this.state === 'appDETACH';
    this.#isRuntime = this.#options.runtime !== undefined && !goesToDfuMode;
    this.hasLeft = false;
    this.state = this.#isRuntime ? 'appIDLE' : 'dfuIDLE';
    this.status = 0;
    this.#alternate = 0;
  }

  control(setup: RawSetup, data: Uint8Array): Answer {
    const answer = this.#answer(setup, data);
    return this.#options.instead?.(setup, answer, this) ?? answer;
  }

  #answer(setup: RawSetup, data: Uint8Array): Answer {
    const answer = (setup.requestType & 0x60) === 0x20 ? this.#classRequest(setup, data) : this.#standard(setup);
    return answer instanceof Uint8Array ? answer.subarray(0, setup.length) : answer;
  }

  #standard({ requestType, request, value }: RawSetup): Answer {
    if (requestType === 0x80 && request === 6) return this.#descriptor(value >> 8, value & 255);
    if (requestType === 0x01 && request === 11 && value < this.#settings.length) {
      this.#alternate = value;
      return NOTHING;
    }
    return 'stall';
  }

  #descriptor(type: number, index: number): Answer {
    switch (type) {
      case 1:
        return this.#deviceDescriptor();
      case 2:
        return index === 0 ? this.#configuration() : 'stall';
      case 3:
        return this.#string(index);
      default:
        return 'stall';
    }
  }

  #deviceDescriptor(): Uint8Array {
    const { vendor, product, release } = this.info;
    return Uint8Array.of(18, 1, 0, 2, 0, 0, 0, 64, ...le(vendor), ...le(product), ...le(release), 1, 2, 3, 1);
  }

  #configuration(): Uint8Array {
    const { functional = 'last', transferSize = 1024, version = 0x0110 } = this.#options;
    const settings = this.#isRuntime ? [''] : this.#settings;
    const descriptor = [9, 0x21, this.#attributes, ...le(1000), ...le(transferSize), ...le(version)];
    const isEach = this.#options.isInterfaceEach === true;
    const hasFunctional = (index: number): boolean =>
      functional === 'each' || (functional === 'last' && (isEach || index === settings.length - 1));
    const body = settings.flatMap((name, index) => {
      const [number, alternate] = isEach ? [index, 0] : [0, index];
      const setting = [9, 4, number, alternate, 0, 0xfe, 1, this.#protocol, name === '' ? 0 : 10 + index];
      return hasFunctional(index) ? [...setting, ...descriptor] : setting;
    });
    const interfaces = isEach ? settings.length : 1;
    return Uint8Array.of(9, 2, ...le(9 + body.length), interfaces, 1, 0, 0x80, 50, ...body);
  }

  #string(index: number): Answer {
    if (index === 0) return Uint8Array.of(4, 3, 9, 4);
    const texts: Readonly<Record<number, string>> = { 1: 'Fake', 2: 'device', 3: this.info.serial };
    const text = index >= 10 ? this.#settings[index - 10] : texts[index];
    if (text === undefined) return 'stall';
    return Uint8Array.of(2 + 2 * text.length, 3, ...Array.from(text, (letter) => le(letter.charCodeAt(0))).flat());
  }

  #classRequest(setup: RawSetup, data: Uint8Array): Answer {
    const isEach = this.#options.isInterfaceEach === true;
    if ((setup.requestType & 0x1f) !== 1 || setup.index >= (isEach ? this.#settings.length : 1)) return 'stall';
    if (isEach) this.#alternate = setup.index;
    const now = this.#options.now();
    // A.2.5, A.2.8: the time is over.
    if (this.state === 'dfuDNBUSY' && now >= this.#readyAtMs) this.state = 'dfuDNLOAD-SYNC';
    if (this.state === 'dfuMANIFEST' && now >= this.#readyAtMs) this.#manifested();
    switch (setup.request) {
      case 0:
        return this.#detach();
      case 1:
        return this.#download(data);
      case 2:
        return this.#upload(setup.length);
      case 3:
        return this.#getStatus();
      case 4:
        return this.state === 'dfuERROR' ? this.#idle() : this.#error(15);
      case 5:
        return Uint8Array.of(STATES.indexOf(this.state));
      case 6:
        return this.#abort();
      default:
        return this.#error(15);
    }
  }

  #detach(): Answer {
    if (this.state !== 'appIDLE') return this.#error(15);
    this.state = 'appDETACH';
    this.hasLeft = this.#options.runtime === 'will-detach';
    return NOTHING;
  }

  #download(data: Uint8Array): Answer {
    if ((this.#attributes & 1) === 0) return this.#error(15);
    if (data.length > (this.#options.transferSize ?? 1024)) return this.#error(15);
    if (this.state === 'dfuIDLE' && data.length > 0) this.#position = 0;
    else if (this.state !== 'dfuDNLOAD-IDLE') return this.#error(15);
    if (data.length === 0) {
      this.state = 'dfuMANIFEST-SYNC';
      return NOTHING;
    }
    const memory = this.memories[this.#alternate]!;
    if (this.#position + data.length > memory.length) return this.#error(8);
    memory.set(data, this.#position);
    this.#position += data.length;
    this.#owedMs = this.#options.busyMs ?? 0;
    this.state = 'dfuDNLOAD-SYNC';
    return NOTHING;
  }

  #upload(length: number): Answer {
    if ((this.#attributes & 2) === 0) return this.#error(15);
    if (this.state === 'dfuIDLE') this.#position = 0;
    else if (this.state !== 'dfuUPLOAD-IDLE') return this.#error(15);
    const bytes = this.memories[this.#alternate]!.slice(this.#position, this.#position + length);
    this.#position += bytes.length;
    this.state = bytes.length < length ? 'dfuIDLE' : 'dfuUPLOAD-IDLE';
    return bytes;
  }

  #getStatus(): Answer {
    const { manifestMs = 0, leavesAtManifest = false } = this.#options;
    let pollMs = 0;
    if (this.state === 'dfuDNLOAD-SYNC') {
      if (this.failNext > 0) {
        this.status = this.failNext;
        this.state = 'dfuERROR';
      } else if (this.#owedMs > 0) {
        pollMs = this.#owedMs;
        this.#owedMs = 0;
        this.#readyAtMs = this.#options.now() + pollMs;
        this.state = 'dfuDNBUSY';
      } else {
        this.state = 'dfuDNLOAD-IDLE';
      }
    } else if (this.state === 'dfuMANIFEST-SYNC') {
      this.state = 'dfuMANIFEST';
      pollMs = manifestMs;
      this.#readyAtMs = this.#options.now() + manifestMs;
      if (leavesAtManifest) this.#manifested();
      this.hasLeft = leavesAtManifest;
    } else if (this.state === 'dfuDNBUSY' || this.state === 'dfuMANIFEST') {
      return this.#error(15);
    } else if (this.state === 'dfuMANIFEST-WAIT-RESET') {
      // A.2.9: nothing but a reset.
      return 'stall';
    }
    return Uint8Array.of(this.status, pollMs & 255, (pollMs >> 8) & 255, pollMs >> 16, STATES.indexOf(this.state), 0);
  }

  #manifested(): void {
    this.manifestations++;
    this.state = (this.#attributes & 4) !== 0 ? 'dfuIDLE' : 'dfuMANIFEST-WAIT-RESET';
  }

  #abort(): Answer {
    const isPlace = ['dfuIDLE', 'dfuDNLOAD-SYNC', 'dfuDNLOAD-IDLE', 'dfuMANIFEST-SYNC', 'dfuUPLOAD-IDLE'];
    return isPlace.includes(this.state) ? this.#idle() : this.#error(15);
  }

  #idle(): Uint8Array {
    this.state = 'dfuIDLE';
    this.status = 0;
    return NOTHING;
  }

  /** A.2: what is out of place leads to dfuERROR, in the application back to appIDLE. */
  #error(status: number): 'stall' {
    if (this.#isRuntime) {
      this.state = 'appIDLE';
    } else {
      this.state = 'dfuERROR';
      this.status = status;
    }
    return 'stall';
  }
}

function le(value: number): number[] {
  return [value & 255, value >> 8];
}
