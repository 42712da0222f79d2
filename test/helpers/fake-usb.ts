/**
 * A USB in a time that only moves when told, into which devices are plugged and pulled out at any request. It is a host
 * like the others; what the devices do is theirs.
 */

import { BoardError } from '../../device/board-error.js';
import { openCdc } from '../../device/transport/cdc-transport.js';
import type { Transport } from '../../device/transport/transport.js';
import { UsbConnection } from '../../device/usb/usb-connection.js';
import type {
  UsbDevice,
  UsbDeviceInfo,
  UsbHost,
  UsbInResult,
  UsbOutResult,
  UsbSetup,
} from '../../device/usb/usb-device.js';
import { usbLost } from '../../device/usb/usb-error.js';
import { TestClock } from './board-on-a-line.js';

/** A setup packet as on the bus. */
export interface RawSetup {
  readonly requestType: number;
  readonly request: number;
  readonly value: number;
  readonly index: number;
  readonly length: number;
}

/**
 * What an endpoint does: takes or gives bytes, refuses, says nothing for ever, breaks the rules of the bus (Linux's
 * EPROTO), or leaves the bus for good.
 */
export type Answer = Uint8Array | 'stall' | 'nothing' | 'fault' | 'gone';

/** What control transfers have as an answer; the others fail. */
type Answered = Exclude<Answer, 'nothing' | 'fault' | 'gone'>;

/** What can be plugged in. */
export interface Pluggable {
  readonly info: Omit<UsbDeviceInfo, 'path' | 'address'>;
  control(setup: RawSetup, data: Uint8Array): Answer;
  /** How long the answer takes; none if absent. */
  delayMs?(setup: RawSetup): number;
  /** Whether it has left the bus by itself; it is plugged in again after a while. */
  readonly hasLeft: boolean;
  busReset(): void;
  /** The cable is pulled, or it has left. */
  unplugged(): void;
  /** A bulk transfer; only of devices with a serial port, or with that of a boot ROM. */
  bulkIn?(endpoint: number, length: number): Promise<Uint8Array | 'stall'>;
  bulkOut?(endpoint: number, data: Uint8Array): Promise<void | 'stall'> | void | 'stall';
}

/** What becomes of the bus at a request. */
export type Event = 'unplug' | 'go-on';

const LATENCY_MS = 0.1;
/** Until a device that has left, or was reset, is there again. */
const AWAY_MS = 200;

const TYPES = { standard: 0, class: 1, vendor: 2 } as const;
const RECIPIENTS = { device: 0, interface: 1, endpoint: 2, other: 3 } as const;

export class FakeUsb implements UsbHost {
  readonly clock: TestClock;
  /** Is asked before every request. */
  onRequest: (request: { readonly index: number; readonly path: string; readonly setup?: RawSetup }) => Event = () =>
    'go-on';
  /** Requests so far, of all devices. */
  requests = 0;
  readonly #plugged = new Map<string, { readonly device: Pluggable; readonly address: number }>();
  #addresses = 0;

  constructor(clock = new TestClock()) {
    this.clock = clock;
  }

  plug(path: string, device: Pluggable): void {
    this.#plugged.set(path, { device, address: ++this.#addresses });
  }

  unplug(path: string): void {
    const plugged = this.#plugged.get(path);
    this.#plugged.delete(path);
    plugged?.device.unplugged();
  }

  nameOf({ path }: UsbDeviceInfo): string {
    return `fake:${path}`;
  }

  list(): Promise<UsbDeviceInfo[]> {
    return Promise.resolve(
      Array.from(this.#plugged, ([path, { device, address }]) => ({ ...device.info, path, address })),
    );
  }

  /** What is plugged in there now. */
  info(path: string): UsbDeviceInfo {
    const plugged = this.#plugged.get(path);
    if (plugged === undefined) throw new Error(`nothing is plugged in at ${path}`);
    return { ...plugged.device.info, path, address: plugged.address };
  }

  hasPort({ interfaces }: UsbDeviceInfo): boolean {
    return interfaces.some((descriptor) => descriptor.class === 0x0a);
  }

  async openPort(info: UsbDeviceInfo): Promise<Transport> {
    return await openCdc(await UsbConnection.open(this, info, { clock: this.clock }));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  device({ path, address }: UsbDeviceInfo): Promise<UsbDevice> {
    const name = `fake:${path}`;
    const present = (): Pluggable => {
      const plugged = this.#plugged.get(path);
      if (plugged?.address === address) return plugged.device;
      throw usbLost(name, 'It was unplugged.');
    };
    const request = async <T>(work: (device: Pluggable) => T | Promise<T>, setup?: RawSetup): Promise<T> => {
      const index = this.requests++;
      if (this.onRequest({ index, path, ...(setup && { setup }) }) === 'unplug') this.unplug(path);
      await this.#pass(LATENCY_MS);
      const device = present();
      const result = await work(device);
      if (device.hasLeft) this.#comeBack(path, device);
      return result;
    };
    const control = async (setup: RawSetup, data: Uint8Array): Promise<Answered> =>
      await request(async (device) => {
        const delayMs = device.delayMs?.(setup) ?? 0;
        if (delayMs > 0) await this.#pass(delayMs);
        const answer = device.control(setup, data);
        if (answer === 'nothing') return await new Promise<never>(() => {});
        if (answer === 'gone') this.unplug(path);
        if (answer === 'gone' || answer === 'fault') throw usbLost(name, `A transfer failed (${answer}).`);
        return answer;
      }, setup);
    return Promise.resolve({
      open: async () => await request(() => {}),
      close: () => Promise.resolve(),
      claimInterface: async () => await request(() => {}),
      selectAlternateInterface: async (index, value) => {
        const setup = { requestType: 0x01, request: 11, value, index, length: 0 };
        if ((await control(setup, new Uint8Array(0))) === 'stall') throw usbLost(name, 'SET_INTERFACE was refused.');
      },
      reset: async () =>
        await request((device) => {
          device.busReset();
          this.#comeBack(path, device);
        }),
      controlTransferIn: async (setup, length): Promise<UsbInResult> => {
        const answer = await control(rawSetup(setup, 0x80, length), new Uint8Array(0));
        if (answer === 'stall') return { status: 'stall' };
        return { status: 'ok', data: new DataView(answer.buffer, answer.byteOffset, answer.length) };
      },
      controlTransferOut: async (setup, data): Promise<UsbOutResult> => {
        const answer = await control(rawSetup(setup, 0, data.length), data);
        return answer === 'stall' ? { status: 'stall', bytesWritten: 0 } : { status: 'ok', bytesWritten: data.length };
      },
      transferIn: async (endpoint, length): Promise<UsbInResult> => {
        const bytes = await request(async (device) => await device.bulkIn!(endpoint, length));
        if (bytes === 'stall') return { status: 'stall' };
        return { status: 'ok', data: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) };
      },
      transferOut: async (endpoint, data): Promise<UsbOutResult> => {
        const end = await request((device) => device.bulkOut!(endpoint, data));
        return end === 'stall' ? { status: 'stall', bytesWritten: 0 } : { status: 'ok', bytesWritten: data.length };
      },
      clearHalt: async (direction, endpoint) => {
        const index = endpoint | (direction === 'in' ? 0x80 : 0);
        await control({ requestType: 0x02, request: 1, value: 0, index, length: 0 }, new Uint8Array(0));
      },
    });
  }

  /** Leaves the bus, and is there again after a while, at another address. */
  #comeBack(path: string, device: Pluggable): void {
    this.#plugged.delete(path);
    if (device.hasLeft) device.unplugged();
    this.clock.after(AWAY_MS, () => {
      if (!this.#plugged.has(path)) this.plug(path, device);
    });
  }

  async #pass(durationMs: number): Promise<void> {
    await new Promise<void>((resolve) => void this.clock.after(durationMs, resolve));
  }
}

function rawSetup(
  { requestType, recipient, request, value, index }: UsbSetup,
  direction: number,
  length: number,
): RawSetup {
  return { requestType: direction | (TYPES[requestType] << 5) | RECIPIENTS[recipient], request, value, index, length };
}

/** The error with which something fails; another one than a BoardError, or none, fails the test. */
export async function boardErrorOf(work: Promise<unknown>): Promise<BoardError> {
  const result = await work.catch((error: unknown) => error);
  if (result instanceof BoardError) return result;
  throw result instanceof Error ? result : new Error('it did not fail');
}
