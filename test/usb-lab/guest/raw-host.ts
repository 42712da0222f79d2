/** A host on USB/IP that sends what it likes: whole control transfers, and bytes that are none. */

import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import {
  DEVICE_BYTES,
  decodeOperationHead,
  decodeSubmitted,
  encodeImportRequest,
  encodeSubmit,
  OPERATION_HEAD_BYTES,
  TRANSFER_HEAD_BYTES,
} from '../../../device/usb/usbip/usbip-messages.js';
import { ByteQueue } from '../../../device/usb/usbip/byte-queue.js';
import { until } from './until.js';

/** What came back: bytes of an IN transfer, `taken` for an OUT transfer. */
export type ControlAnswer = Uint8Array | 'taken' | 'stall';

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

  /** @param setup 8 bytes, of which the last two say how long the data is */
  async control(setup: Uint8Array, data: Uint8Array): Promise<ControlAnswer> {
    const isIn = (setup[0]! & 0x80) !== 0;
    const length = setup[6]! | (setup[7]! << 8);
    this.send(
      encodeSubmit({
        sequence: ++this.#sequence,
        deviceId: 0x1_0002,
        isIn,
        endpoint: 0,
        length,
        setup,
        ...(!isIn && { data }),
      }),
    );
    const head = decodeSubmitted(await this.#exactly(TRANSFER_HEAD_BYTES));
    if (typeof head === 'string') throw new Error(head);
    if (head.sequence !== this.#sequence) throw new Error(`answer ${head.sequence} to request ${this.#sequence}`);
    if (head.status === -32) return 'stall';
    if (head.status !== 0 || head.length > length)
      throw new Error(`status ${head.status}, ${head.length} of ${length} bytes`);
    return isIn ? await this.#exactly(head.length) : 'taken';
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
