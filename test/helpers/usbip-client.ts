/**
 * A USB/IP client for tests, written from Documentation/usb/usbip_protocol.rst: it sends what it is told, right or
 * wrong.
 */

import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** What comes back for a submitted transfer, or for an unlink. */
export interface UrbReply {
  readonly command: number;
  readonly status: number;
  readonly actualLength: number;
  readonly data: Buffer;
}

interface Pending {
  readonly isIn: boolean;
  readonly resolve: (reply: UrbReply) => void;
  readonly reject: (error: Error) => void;
}

const DEVICE_ID = 0x0001_0002;
const HEADER_BYTES = 48;

export class UsbIpClient {
  readonly socket: Socket;
  /** When the server has closed the connection. */
  readonly closed: Promise<void>;
  readonly #pending = new Map<number, Pending>();
  #received = Buffer.alloc(0);
  #wanted: { readonly length: number; readonly resolve: (bytes: Buffer) => void } | undefined;
  #isImported = false;
  #sequence = 0;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (bytes) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      this.#take();
    });
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        for (const { reject } of this.#pending.values()) reject(new Error('closed'));
        this.#pending.clear();
        resolve();
      });
    });
  }

  static async connect(port: number): Promise<UsbIpClient> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new UsbIpClient(socket);
  }

  /** A client that has imported a device. */
  static async imported(port: number, busId = '1-1'): Promise<UsbIpClient> {
    const client = await UsbIpClient.connect(port);
    const { status } = await client.import(busId);
    if (status !== 0) throw new Error(`import: ${status}`);
    return client;
  }

  /** The first bytes that come, as many as are asked for. */
  async read(length: number): Promise<Buffer> {
    return await new Promise((resolve) => {
      this.#wanted = { length, resolve };
      this.#take();
    });
  }

  /** OP_REQ_IMPORT. */
  async import(busId: string): Promise<{ readonly status: number; readonly record: Buffer }> {
    const request = Buffer.alloc(40);
    request.writeUInt16BE(0x0111, 0);
    request.writeUInt16BE(0x8003, 2);
    request.write(busId, 8);
    this.socket.write(request);
    const head = await this.read(8);
    const status = head.readUInt32BE(4);
    const record = status === 0 ? await this.read(312) : Buffer.alloc(0);
    this.#isImported = status === 0;
    return { status, record };
  }

  /** A control transfer; the data of an OUT transfer is as long as the setup packet says unless told otherwise. */
  async control(
    requestType: number,
    request: number,
    { value = 0, index = 0, length = 0, data = new Uint8Array(0) }: ControlPart = {},
  ): Promise<UrbReply> {
    const setup = Buffer.alloc(8);
    setup.writeUInt8(requestType, 0);
    setup.writeUInt8(request, 1);
    setup.writeUInt16LE(value, 2);
    setup.writeUInt16LE(index, 4);
    setup.writeUInt16LE(length === 0 ? data.length : length, 6);
    return await this.submit(0, (requestType & 0x80) !== 0, { setup, data, length }).reply;
  }

  /** USBIP_CMD_SUBMIT. @returns its sequence number, to unlink it, and its reply */
  submit(
    endpoint: number,
    isIn: boolean,
    part: SubmitPart,
  ): { readonly sequence: number; readonly reply: Promise<UrbReply> } {
    const { setup = new Uint8Array(8), data = new Uint8Array(0), length = 0 } = part;
    const sequence = ++this.#sequence;
    const header = this.#header(1, sequence, isIn, endpoint);
    header.writeUInt32BE(isIn ? length : data.length, 24);
    header.writeUInt32BE(0xffff_ffff, 32);
    header.set(setup, 40);
    const reply = this.#expect(sequence, isIn);
    this.socket.write(isIn ? header : Buffer.concat([header, data]));
    return { sequence, reply };
  }

  /** USBIP_CMD_UNLINK. */
  async unlink(unlinked: number): Promise<UrbReply> {
    const sequence = ++this.#sequence;
    const header = this.#header(2, sequence, false, 0);
    header.writeUInt32BE(unlinked, 20);
    const reply = this.#expect(sequence, false);
    this.socket.write(header);
    return await reply;
  }

  #header(command: number, sequence: number, isIn: boolean, endpoint: number): Buffer {
    const header = Buffer.alloc(HEADER_BYTES);
    [command, sequence, DEVICE_ID, isIn ? 1 : 0, endpoint].forEach((field, index) => {
      header.writeUInt32BE(field, 4 * index);
    });
    return header;
  }

  #expect(sequence: number, isIn: boolean): Promise<UrbReply> {
    const reply = new Promise<UrbReply>((resolve, reject) => {
      this.#pending.set(sequence, { isIn, resolve, reject });
    });
    reply.catch(() => {});
    return reply;
  }

  #take(): void {
    if (this.#wanted !== undefined && this.#received.length >= this.#wanted.length) {
      const { length, resolve } = this.#wanted;
      this.#wanted = undefined;
      resolve(Buffer.from(this.#received.subarray(0, length)));
      this.#received = this.#received.subarray(length);
    }
    while (this.#isImported && this.#received.length >= HEADER_BYTES) {
      const header = this.#received;
      const command = header.readUInt32BE(0);
      const pending = this.#pending.get(header.readUInt32BE(4));
      if (pending === undefined) throw new Error(`a reply that nobody waits for: ${header.toString('hex', 0, 48)}`);
      const actualLength = command === 3 ? header.readUInt32BE(24) : 0;
      const end = HEADER_BYTES + (pending.isIn ? actualLength : 0);
      if (header.length < end) return;
      this.#pending.delete(header.readUInt32BE(4));
      const data = Buffer.from(header.subarray(HEADER_BYTES, end));
      this.#received = header.subarray(end);
      pending.resolve({ command, status: header.readInt32BE(20), actualLength, data });
    }
  }
}

interface ControlPart {
  readonly value?: number;
  readonly index?: number;
  readonly length?: number;
  readonly data?: Uint8Array;
}

interface SubmitPart {
  readonly setup?: Uint8Array;
  readonly data?: Uint8Array;
  readonly length?: number;
}
