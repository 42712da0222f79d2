/** The devices of a USB/IP server: boards of another computer, or virtual ones, without root and without a driver. */

import { isIPv6 } from 'node:net';
import { boardAmbiguous, boardNotFound } from '../../board-error.js';
import { openCdc } from '../../transport/cdc-transport.js';
import type { Transport } from '../../transport/transport.js';
import { isSerialData, NO_PORT } from '../usb-classes.js';
import { UsbConnection } from '../usb-connection.js';
import type { UsbDevice, UsbDeviceInfo, UsbHost } from '../usb-device.js';
import { programmerOnly, usbBusy, usbipBroken } from '../usb-error.js';
import { usbKind } from '../usb-kind.js';
import type { UsbKind } from '../usb-kind.js';
import { UsbipDeviceConnection } from './usbip-device.js';
import {
  decodeDevice,
  decodeOperationHead,
  DEVICE_BYTES,
  encodeImportRequest,
  encodeListRequest,
  INTERFACE_BYTES,
  OPERATION_HEAD_BYTES,
} from './usbip-messages.js';
import type { UsbipDevice } from './usbip-messages.js';
import { connectUsbip, UsbipReader } from './usbip-socket.js';

const MAX_DEVICES = 256;

/** Status of an import whose device somebody else has (ST_DEV_BUSY of the kernel's tools). */
const DEVICE_BUSY = 2;

export class UsbipHost implements UsbHost {
  readonly #host: string;
  readonly #port: number;
  /** Devices that were reset while they were ours, and their descriptions. */
  readonly #kept = new Map<string, UsbipDeviceConnection>();
  #addresses = 1000;

  constructor(host: string, port: number) {
    this.#host = host;
    this.#port = port;
  }

  get name(): string {
    return `usbip:${isIPv6(this.#host) ? `[${this.#host}]` : this.#host}:${this.#port}`;
  }

  nameOf({ path }: UsbDeviceInfo): string {
    return `${this.name}/${path}`;
  }

  async list(signal?: AbortSignal): Promise<UsbDeviceInfo[]> {
    const kept: UsbDeviceInfo[] = [];
    for (const [busId, connection] of this.#kept) {
      if (connection.isAlive) kept.push(await this.#describe(busId, connection));
      else this.#kept.delete(busId);
    }
    const listed = await this.#listServer(signal);
    return [...kept, ...listed.filter(({ path }) => !kept.some((other) => other.path === path))];
  }

  kindOf(info: UsbDeviceInfo): UsbKind | undefined {
    return usbKind(info, this.hasPort(info));
  }

  /**
   * The device of a bus id; or the only one of the first of the kinds that there are, as nothing else that a server
   * happens to share is meant by its name.
   *
   * @throws BoardError `board-not-found` or `board-ambiguous`; AbortError
   */
  async find(busId: string | undefined, kinds: readonly UsbKind[], signal?: AbortSignal): Promise<UsbDeviceInfo> {
    const devices = await this.list(signal);
    const named = devices.filter((info) => busId === undefined || info.path === busId);
    const kind = kinds.find((wanted) => named.some((info) => this.kindOf(info) === wanted));
    const fitting =
      busId === undefined ? named.filter((info) => kind !== undefined && this.kindOf(info) === kind) : named;
    const [device, ...others] = fitting;
    if (device === undefined) {
      const name = busId === undefined ? this.name : `${this.name}/${busId}`;
      const there = named.filter((info) => this.kindOf(info) !== undefined).map((info) => this.nameOf(info));
      const reason =
        there.length === 0
          ? 'The USB/IP server has no such board to give; somebody else may have it.'
          : `The USB/IP server has nothing that is meant without being named; it has ${there.join(', ')}.`;
      throw boardNotFound(name, reason);
    }
    if (others.length > 0) throw boardAmbiguous(fitting.map((info) => this.nameOf(info)));
    return device;
  }

  async device(info: UsbDeviceInfo, signal?: AbortSignal): Promise<UsbDevice> {
    const kept = this.#kept.get(info.path);
    this.#kept.delete(info.path);
    if (kept?.isAlive === true) return kept;
    const name = this.nameOf(info);
    const socket = await connectUsbip(name, this.#host, this.#port, signal);
    try {
      const reader = new UsbipReader(socket, name);
      socket.write(encodeImportRequest(info.path));
      const status = await this.#status(reader, 'import');
      if (status === DEVICE_BUSY) throw usbBusy(name);
      if (status !== 0) throw boardNotFound(name, 'The USB/IP server does not give it: it is not there, or in use.');
      const { bus, address } = decodeDevice(await reader.exactly(DEVICE_BYTES));
      const deviceId = ((bus << 16) | address) >>> 0;
      return new UsbipDeviceConnection(name, socket, deviceId, (device) => this.#kept.set(info.path, device));
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  hasPort({ interfaces }: UsbDeviceInfo): boolean {
    return interfaces.some(isSerialData);
  }

  async openPort(info: UsbDeviceInfo, signal?: AbortSignal): Promise<Transport> {
    if (this.kindOf(info) === 'ftdi') throw programmerOnly(this.nameOf(info));
    if (!this.hasPort(info)) throw boardNotFound(this.nameOf(info), NO_PORT);
    return await openCdc(await UsbConnection.open(this, info, { signal }));
  }

  /** Gives back what was kept. */
  async close(): Promise<void> {
    const kept = [...this.#kept.values()];
    this.#kept.clear();
    await Promise.all(kept.map(async (connection) => await connection.disconnect()));
  }

  async #listServer(signal: AbortSignal | undefined): Promise<UsbDeviceInfo[]> {
    const socket = await connectUsbip(this.name, this.#host, this.#port, signal);
    try {
      const reader = new UsbipReader(socket, this.name);
      socket.write(encodeListRequest());
      if ((await this.#status(reader, 'list')) !== 0) return [];
      const count = (await reader.exactly(4)).readUInt32BE(0);
      if (count > MAX_DEVICES) throw usbipBroken(this.name, `it says that it has ${count} devices`);
      const devices: UsbDeviceInfo[] = [];
      for (let index = 0; index < count; index++) {
        const device = decodeDevice(await reader.exactly(DEVICE_BYTES));
        devices.push(infoOf(device, await reader.exactly(INTERFACE_BYTES * device.interfaces)));
      }
      return devices;
    } finally {
      socket.destroy();
    }
  }

  async #status(reader: UsbipReader, request: 'list' | 'import'): Promise<number> {
    const status = decodeOperationHead(await reader.exactly(OPERATION_HEAD_BYTES), request);
    if (typeof status === 'string') throw usbipBroken(this.name, status);
    return status;
  }

  /** A device that the server does not describe, because it is ours. */
  async #describe(busId: string, device: UsbipDeviceConnection): Promise<UsbDeviceInfo> {
    const unknown = {
      path: busId,
      vendor: 0,
      product: 0,
      release: 0,
      serial: '',
      name: '',
      interfaces: [],
      address: 0,
    };
    const lend: UsbHost = {
      nameOf: (info) => this.nameOf(info),
      list: () => Promise.resolve([unknown]),
      device: () => Promise.resolve(device),
      hasPort: () => false,
      openPort: () => Promise.reject(boardNotFound(this.name, 'It is only described.')),
      close: () => Promise.resolve(),
    };
    const connection = await UsbConnection.open(lend, unknown);
    const { vendor, product, release, serialIndex } = await connection.deviceDescriptor();
    const [configuration] = await connection.configurations();
    const interfaces = (configuration?.interfaces ?? []).filter(({ alternate }) => alternate === 0);
    const serial = await connection.string(serialIndex);
    this.#addresses++;
    return { ...unknown, vendor, product, release, serial, interfaces, address: this.#addresses };
  }
}

function infoOf({ busId, address, vendor, product, release }: UsbipDevice, interfaces: Buffer): UsbDeviceInfo {
  return {
    path: busId,
    vendor,
    product,
    release,
    // Not in the list; whoever opens the device reads it.
    serial: '',
    name: '',
    interfaces: Array.from({ length: interfaces.length / INTERFACE_BYTES }, (_, number) => ({
      number,
      class: interfaces[INTERFACE_BYTES * number]!,
      subclass: interfaces[INTERFACE_BYTES * number + 1]!,
      protocol: interfaces[INTERFACE_BYTES * number + 2]!,
    })),
    address,
  };
}
