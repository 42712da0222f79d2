/** A device that was imported from a USB/IP server, as WebUSB shows devices. No kernel module: this end is the host. */

import { once } from 'node:events';
import type { Socket } from 'node:net';
import { DESCRIPTOR } from '../descriptors.js';
import { USB_LIMIT_MS } from '../usb-device.js';
import type { UsbDevice, UsbInResult, UsbOutResult, UsbSetup } from '../usb-device.js';
import { usbBroken, usbipBroken, usbLost, usbSilent } from '../usb-error.js';
import { ByteQueue } from './byte-queue.js';
import { decodeAnswer, encodeSubmit, encodeUnlink, TRANSFER_HEAD_BYTES } from './usbip-messages.js';

/** Standard requests that the host's driver sends by itself (USB 2.0, 9.4), and the hub's for a reset (11.24.2.13). */
const REQUEST = {
  clearFeature: 1,
  getDescriptor: 6,
  getConfiguration: 8,
  setConfiguration: 9,
  setInterface: 11,
  setFeature: 3,
} as const;
const PORT_RESET = 4;
const ENDPOINT_HALT = 0;

/** Linux's EPIPE: the endpoint is halted, or the request is refused. */
const STALL = -32;

/** A server that does not close its side is left alone then. */
const CLOSE_TIMEOUT_MS = 1000;

interface Pending {
  readonly isIn: boolean;
  readonly length: number;
  readonly resolve: (answer: { readonly status: number; readonly length: number; readonly data: Buffer }) => void;
  readonly reject: (error: Error) => void;
}

export class UsbipDeviceConnection implements UsbDevice {
  readonly #name: string;
  readonly #socket: Socket;
  readonly #deviceId: number;
  /** Keeps the connection after a reset; see {@link close}. */
  readonly #keep: (connection: UsbipDeviceConnection) => void;
  readonly #queue = new ByteQueue();
  readonly #pending = new Map<number, Pending>();
  /**
   * Commands that take a transfer back, and which one; that may be answered all the same, if the answer was on its way.
   */
  readonly #unlinking = new Map<number, number>();
  #sequence = 0;
  #error: Error | undefined;
  #wasReset = false;

  constructor(name: string, socket: Socket, deviceId: number, keep: (connection: UsbipDeviceConnection) => void) {
    this.#name = name;
    this.#socket = socket;
    this.#deviceId = deviceId;
    this.#keep = keep;
    socket.on('data', (bytes) => this.#onData(bytes));
    socket.on('close', () => this.#fail(usbLost(name, 'It was unplugged: the USB/IP server closed the connection.')));
    socket.resume();
    if (socket.destroyed) this.#fail(usbLost(name, 'The USB/IP server closed the connection.'));
  }

  /** Whether the server still holds the device for us. */
  get isAlive(): boolean {
    return this.#error === undefined;
  }

  /** Configures the device unless it is; the kernel does that for devices of its own. */
  async open(): Promise<void> {
    this.#wasReset = false;
    const configured = await this.#standardIn(REQUEST.getConfiguration, 0, 1);
    if (configured.length === 1 && configured[0] !== 0) return;
    const head = await this.#standardIn(REQUEST.getDescriptor, DESCRIPTOR.configuration << 8, 9);
    const value = head.length === 9 ? head[5]! : 1;
    await this.#standardOut(standard('device', REQUEST.setConfiguration, value, 0));
  }

  /**
   * Gives the device back to the server, which is as if it were unplugged. After a reset it stays with us for whoever
   * opens it next, as that is still the same plug.
   */
  async close(): Promise<void> {
    if (this.#wasReset && this.isAlive) this.#keep(this);
    else await this.disconnect();
  }

  /** Until the server has closed its side too: before, the device is still taken. */
  async disconnect(): Promise<void> {
    this.#fail(usbLost(this.#name, 'It was closed.'));
    if (this.#socket.destroyed) return;
    const timer = setTimeout(() => this.#socket.destroy(), CLOSE_TIMEOUT_MS);
    // What was written last, such as the end of a session, still goes out.
    this.#socket.end();
    await once(this.#socket, 'close').catch(() => {});
    clearTimeout(timer);
  }

  /** As a hub does it; and as any host, reads the device descriptor then. */
  async reset(): Promise<void> {
    const setup = Buffer.from([0x23, REQUEST.setFeature, PORT_RESET, 0, 0, 0, 0, 0]);
    await this.#transfer({ isIn: false, endpoint: 0, length: 0, setup, data: new Uint8Array(0) }, USB_LIMIT_MS);
    this.#wasReset = true;
    await this.#standardIn(REQUEST.getDescriptor, DESCRIPTOR.device << 8, 18);
  }

  claimInterface(): Promise<void> {
    return Promise.resolve();
  }

  async selectAlternateInterface(interfaceNumber: number, alternate: number): Promise<void> {
    const setup = standard('interface', REQUEST.setInterface, alternate, interfaceNumber);
    const { status } = await this.#standardOut(setup);
    // Devices without alternate settings may refuse the only one (USB 2.0, 9.4.10).
    if (status === 'stall' && alternate !== 0) {
      throw usbBroken(this.#name, `it refuses the alternate setting ${alternate} that it offers`);
    }
  }

  async controlTransferIn(setup: UsbSetup, length: number, limitMs: number): Promise<UsbInResult> {
    return await this.#in({ endpoint: 0, length, setup: setupBytes(setup, 0x80, length) }, limitMs);
  }

  async controlTransferOut(setup: UsbSetup, data: Uint8Array, limitMs: number): Promise<UsbOutResult> {
    return await this.#out({ endpoint: 0, data, setup: setupBytes(setup, 0, data.length) }, limitMs);
  }

  async transferIn(endpoint: number, length: number): Promise<UsbInResult> {
    return await this.#in({ endpoint, length });
  }

  async transferOut(endpoint: number, data: Uint8Array): Promise<UsbOutResult> {
    return await this.#out({ endpoint, data });
  }

  async clearHalt(direction: 'in' | 'out', endpoint: number): Promise<void> {
    const address = endpoint | (direction === 'in' ? 0x80 : 0);
    await this.#standardOut(standard('endpoint', REQUEST.clearFeature, ENDPOINT_HALT, address));
  }

  async #in(request: { endpoint: number; length: number; setup?: Uint8Array }, limitMs?: number): Promise<UsbInResult> {
    const { status, data } = await this.#transfer({ ...request, isIn: true }, limitMs);
    if (status === STALL) return { status: 'stall' };
    this.#check(status);
    return { status: 'ok', data: new DataView(data.buffer, data.byteOffset, data.length) };
  }

  async #out(
    request: { endpoint: number; data: Uint8Array; setup?: Uint8Array },
    limitMs?: number,
  ): Promise<UsbOutResult> {
    const transfer = { ...request, isIn: false, length: request.data.length };
    const { status, length } = await this.#transfer(transfer, limitMs);
    if (status === STALL) return { status: 'stall', bytesWritten: 0 };
    this.#check(status);
    return { status: 'ok', bytesWritten: length };
  }

  #check(status: number): void {
    if (status !== 0) throw usbLost(this.#name, `A transfer failed (error ${-status} of the USB/IP server).`);
  }

  async #standardIn(request: number, value: number, length: number): Promise<Uint8Array> {
    const { data } = await this.controlTransferIn(standard('device', request, value, 0), length, USB_LIMIT_MS);
    return data === undefined ? new Uint8Array(0) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }

  async #standardOut(setup: UsbSetup): Promise<UsbOutResult> {
    return await this.controlTransferOut(setup, new Uint8Array(0), USB_LIMIT_MS);
  }

  /** @param limitMs after which the transfer is taken back; absent: it waits as long as the device does */
  async #transfer(
    request: { isIn: boolean; endpoint: number; length: number; setup?: Uint8Array; data?: Uint8Array },
    limitMs?: number,
  ): Promise<{ readonly status: number; readonly length: number; readonly data: Buffer }> {
    if (this.#error !== undefined) throw this.#error;
    const sequence = this.#nextSequence();
    const { isIn, length } = request;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise((resolve, reject) => {
        this.#pending.set(sequence, { isIn, length, resolve, reject });
        this.#socket.write(encodeSubmit({ ...request, sequence, deviceId: this.#deviceId }));
        if (limitMs === undefined) return;
        timer = setTimeout(() => {
          reject(usbSilent(this.#name, limitMs));
          this.#unlink(sequence);
        }, limitMs);
      });
    } finally {
      clearTimeout(timer);
    }
  }

  #unlink(target: number): void {
    const sequence = this.#nextSequence();
    this.#unlinking.set(sequence, target);
    this.#socket.write(encodeUnlink(sequence, this.#deviceId, target));
  }

  #nextSequence(): number {
    this.#sequence = (this.#sequence + 1) >>> 0;
    return this.#sequence;
  }

  #onData(bytes: Buffer): void {
    this.#queue.push(bytes);
    for (;;) {
      const head = this.#queue.peek(TRANSFER_HEAD_BYTES);
      if (head === undefined) return;
      const answer = decodeAnswer(head);
      if (typeof answer === 'string') return this.#break(answer);
      if (answer.kind === 'unlinked') {
        const target = this.#unlinking.get(answer.sequence);
        if (target === undefined) return this.#break('it takes back a transfer, which nobody asked for');
        this.#queue.take(TRANSFER_HEAD_BYTES);
        this.#unlinking.delete(answer.sequence);
        this.#pending.delete(target);
        continue;
      }
      const pending = this.#pending.get(answer.sequence);
      if (pending === undefined) return this.#break('it answers a transfer that nobody asked for');
      if (answer.length > pending.length) return this.#break('it answers a transfer with more than was asked for');
      // A failed transfer carries what came before it failed.
      const dataBytes = pending.isIn ? answer.length : 0;
      const whole = this.#queue.take(TRANSFER_HEAD_BYTES + dataBytes);
      if (whole === undefined) return;
      this.#pending.delete(answer.sequence);
      pending.resolve({ status: answer.status, length: answer.length, data: whole.subarray(TRANSFER_HEAD_BYTES) });
    }
  }

  /** The server's stream makes no sense any more. */
  #break(problem: string): void {
    this.#fail(usbipBroken(this.#name, problem));
    this.#socket.destroy();
  }

  #fail(error: Error): void {
    this.#error ??= error;
    for (const { reject } of this.#pending.values()) reject(this.#error);
    this.#pending.clear();
  }
}

function standard(
  recipient: 'device' | 'interface' | 'endpoint',
  request: number,
  value: number,
  index: number,
): UsbSetup {
  return { requestType: 'standard', recipient, request, value, index };
}

const TYPES = { standard: 0, class: 1, vendor: 2 } as const;
const RECIPIENTS = { device: 0, interface: 1, endpoint: 2, other: 3 } as const;

function setupBytes(
  { requestType, recipient, request, value, index }: UsbSetup,
  direction: number,
  length: number,
): Buffer {
  const bytes = Buffer.alloc(8);
  bytes[0] = direction | (TYPES[requestType] << 5) | RECIPIENTS[recipient];
  bytes[1] = request;
  bytes.writeUInt16LE(value, 2);
  bytes.writeUInt16LE(index, 4);
  bytes.writeUInt16LE(length, 6);
  return bytes;
}
