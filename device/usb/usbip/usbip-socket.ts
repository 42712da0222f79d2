/** A connection to a USB/IP server: opened, and read in exact lengths. */

import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { once } from 'node:events';
import { isShortage } from '../../../protocol/system-error.js';
import { boardNotFound, boardNotReached, networkDenied } from '../../board-error.js';
import { KEEP_ALIVE } from '../../transport/keep-alive.js';
import { ByteQueue } from './byte-queue.js';

const TIMEOUT_MS = 5000;

/** @throws BoardError `board-not-found`, `board-denied`; AbortError */
export async function connectUsbip(name: string, host: string, port: number, signal?: AbortSignal): Promise<Socket> {
  const socket = connect({ host, port, noDelay: true, ...KEEP_ALIVE });
  const limit = AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), ...(signal ? [signal] : [])]);
  try {
    await once(socket, 'connect', { signal: limit });
    // Whoever reads sees the end of the stream; an error without a listener would end the process.
    socket.on('error', () => {});
    return socket;
  } catch (error) {
    socket.destroy();
    signal?.throwIfAborted();
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (isShortage(error)) throw boardNotReached(name, error);
    if (code === 'EACCES' || code === 'EPERM') throw networkDenied(name, error);
    if (code === 'ECONNREFUSED') throw boardNotFound(name, 'Nothing listens there.', error, 'no-usbip-server');
    const reason = `There is no way to it (${code === 'ABORT_ERR' ? 'no connection within 5 s' : code}).`;
    throw boardNotFound(name, reason, error);
  }
}

/**
 * Reads answers of known lengths while the server is asked for devices; afterwards the socket is free for another
 * listener.
 */
export class UsbipReader {
  readonly #socket: Socket;
  readonly #name: string;
  readonly #queue = new ByteQueue();
  /** Also for a server that sends a byte now and then. */
  readonly #giveUpAtMs = performance.now() + TIMEOUT_MS;

  constructor(socket: Socket, name: string) {
    this.#socket = socket;
    this.#name = name;
  }

  /** @throws BoardError `board-not-found` if the server says nothing, or no more */
  async exactly(length: number): Promise<Buffer> {
    for (;;) {
      const bytes = this.#queue.take(length);
      if (bytes !== undefined) return bytes;
      this.#queue.push(await this.#more());
    }
  }

  async #more(): Promise<Buffer> {
    return await new Promise<Buffer>((resolve, reject) => {
      const fail = (reason: string, cause?: unknown): void => {
        forget();
        reject(boardNotFound(this.#name, reason, cause));
      };
      const onData = (bytes: Buffer): void => {
        forget();
        // What else comes belongs to whoever listens next.
        this.#socket.pause();
        resolve(bytes);
      };
      const onError = (error: Error): void => fail('The USB/IP server broke the connection.', error);
      const onClose = (): void => fail('The USB/IP server closed the connection.');
      const leftMs = this.#giveUpAtMs - performance.now();
      const timer = setTimeout(() => fail('The USB/IP server has not answered within 5 s.'), leftMs);
      const forget = (): void => {
        clearTimeout(timer);
        this.#socket.off('data', onData).off('error', onError).off('close', onClose);
      };
      if (this.#socket.destroyed) {
        fail('The USB/IP server closed the connection.');
        return;
      }
      this.#socket.on('data', onData).on('error', onError).on('close', onClose);
      this.#socket.resume();
    });
  }
}
