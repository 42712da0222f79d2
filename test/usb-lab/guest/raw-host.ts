/** A host on USB/IP that sends what it likes: whole control transfers, and bytes that are none. */

import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import {
  DEVICE_BYTES,
  decodeOperationHead,
  decodeAnswer,
  encodeImportRequest,
  encodeSubmit,
  OPERATION_HEAD_BYTES,
  TRANSFER_HEAD_BYTES,
} from '../../../device/usb/usbip/usbip-messages.js';
import { ByteQueue } from '../../../device/usb/usbip/byte-queue.js';
import { until } from './until.js';

/** What came back: bytes of an IN transfer, `taken` for an OUT transfer. */
export type ControlAnswer = Uint8Array | 'taken' | 'stall';

/** A setup packet of 8 bytes, of which the last two say how long the data is; and the data of an OUT transfer. */
export type ControlPacket = [setup: Uint8Array, data: Uint8Array];

export class RawHost {
  readonly #socket: Socket;
  readonly #queue = new ByteQueue();
  #sequence = 0;
  /** Of whoever waits for bytes. */
  #wake = (): void => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    // An error is followed by `close`.
    socket.on('error', () => {});
    socket.on('close', () => this.#wake());
    socket.on('data', (bytes) => {
      this.#queue.push(bytes);
      this.#wake();
    });
  }

  /** Imports a device, as soon as the client before has let it go. */
  static async open(tcpPort: number, busId: string): Promise<RawHost> {
    return await until(`an import of ${busId}`, async () => {
      const host = await RawHost.connect(tcpPort);
      host.send(encodeImportRequest(busId));
      const status = decodeOperationHead(await host.#exactly(OPERATION_HEAD_BYTES), 'import');
      if (status !== 0) {
        await host.close();
        return undefined;
      }
      await host.#exactly(DEVICE_BYTES);
      return host;
    });
  }

  static async connect(tcpPort: number): Promise<RawHost> {
    const socket = connect({ host: '127.0.0.1', port: tcpPort, noDelay: true });
    await once(socket, 'connect');
    return new RawHost(socket);
  }

  send(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Several control transfers at once, which is quicker; they are carried out in order. */
  async controlAll(packets: readonly ControlPacket[]): Promise<ControlAnswer[]> {
    const first = this.#sequence + 1;
    this.send(Buffer.concat(packets.map(([setup, data]) => this.#submit(setup, data))));
    const answers: ControlAnswer[] = [];
    for (const [index, [setup]] of packets.entries()) answers.push(await this.#answer(setup, first + index));
    return answers;
  }

  async control(...packet: ControlPacket): Promise<ControlAnswer> {
    const [answer] = await this.controlAll([packet]);
    return answer!;
  }

  #submit(setup: Uint8Array, data: Uint8Array): Buffer {
    const [isIn, length] = [isInSetup(setup), wLength(setup)];
    const transfer = { sequence: ++this.#sequence, deviceId: 0x1_0002, isIn, endpoint: 0, length, setup };
    return encodeSubmit({ ...transfer, ...(!isIn && { data }) });
  }

  async #answer(setup: Uint8Array, sequence: number): Promise<ControlAnswer> {
    const head = decodeAnswer(await this.#exactly(TRANSFER_HEAD_BYTES));
    if (typeof head === 'string') throw new Error(head);
    if (head.sequence !== sequence) throw new Error(`answer ${head.sequence} to request ${sequence}`);
    if (head.status === -32) return 'stall';
    if (head.status !== 0 || head.length > wLength(setup)) {
      throw new Error(`status ${head.status}, ${head.length} of ${wLength(setup)} bytes`);
    }
    return isInSetup(setup) ? await this.#exactly(head.length) : 'taken';
  }

  async #exactly(length: number): Promise<Buffer> {
    for (;;) {
      const bytes = this.#queue.take(length);
      if (bytes !== undefined) return bytes;
      if (this.#socket.destroyed) throw new Error('the server has closed the connection');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async close(): Promise<void> {
    if (this.#socket.destroyed) return;
    const closed = once(this.#socket, 'close');
    this.#socket.destroy();
    await closed;
  }
}

export function wLength(setup: Uint8Array): number {
  return setup[6]! | (setup[7]! << 8);
}

function isInSetup(setup: Uint8Array): boolean {
  return (setup[0]! & 0x80) !== 0;
}
