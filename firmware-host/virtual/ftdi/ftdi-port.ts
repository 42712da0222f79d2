/**
 * One of the two channels of an FT2232H, as the host's transfers see it: every packet to the host begins with two bytes
 * of status, and one is sent when it is full, when the engine flushes, or when the latency timer runs out, even if it
 * has nothing else to say. libftdi 1.5 and the kernel's ftdi_sio say what they expect.
 */

import { ByteQueue } from '../usbip/byte-queue.js';

const PACKET_BYTES = 512;
const STATUS_BYTES = 2;
const DATA_BYTES = PACKET_BYTES - STATUS_BYTES;

/** High speed, clear to send, data set ready; transmitter empty. */
export const STATUS = [0x32, 0x60] as const;

/** As after power-up. */
const LATENCY_MS = 16;

/** Runs something later. @returns what cancels that */
export type Schedule = (delayMs: number, run: () => void) => () => void;

export interface FtdiPortOptions {
  readonly now: () => number;
  readonly after: Schedule;
  /** There may be something to read that there was not. */
  readonly onReady: () => void;
}

export class FtdiPort {
  latencyMs = LATENCY_MS;
  readonly #options: FtdiPortOptions;
  #queue = new ByteQueue();
  #isFlushed = false;
  #sentAtMs = 0;
  #cancel: (() => void) | undefined;

  constructor(options: FtdiPortOptions) {
    this.#options = options;
  }

  get waitingBytes(): number {
    return this.#queue.length;
  }

  /** Bytes for the host. */
  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#queue.push(bytes);
    if (this.#queue.length >= DATA_BYTES) this.#options.onReady();
  }

  /** What waits goes out with the next packet. */
  flush(): void {
    this.#isFlushed = true;
    this.#options.onReady();
  }

  /** Drops what waits for the host. */
  purge(): void {
    this.#queue = new ByteQueue();
    this.#isFlushed = false;
  }

  stop(): void {
    this.purge();
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** A transfer: whole packets, and a short one that ends it. @param length that the host takes at most */
  read(length: number): Uint8Array | 'nak' {
    const waiting = this.#queue.length;
    const fullPackets = Math.min(Math.floor(waiting / DATA_BYTES), Math.floor(length / PACKET_BYTES));
    const room = length - fullPackets * PACKET_BYTES;
    const rest = Math.min(waiting - fullPackets * DATA_BYTES, Math.max(0, room - STATUS_BYTES));
    if (room === 0 && fullPackets > 0) return this.#take(fullPackets, undefined);
    const waitMs = this.#sentAtMs + this.latencyMs - this.#options.now();
    if ((this.#isFlushed && rest > 0) || waitMs <= 0) return this.#take(fullPackets, rest);
    this.#cancel ??= this.#options.after(waitMs, () => {
      this.#cancel = undefined;
      this.#options.onReady();
    });
    return 'nak';
  }

  /** @param rest bytes of data in a short packet behind the full ones; undefined for none */
  #take(fullPackets: number, rest: number | undefined): Uint8Array {
    const sizes = Array.from({ length: fullPackets }, () => DATA_BYTES);
    if (rest !== undefined) sizes.push(rest);
    const transfer = new Uint8Array(sizes.reduce((sum, size) => sum + STATUS_BYTES + size, 0));
    let at = 0;
    for (const size of sizes) {
      transfer.set(STATUS, at);
      transfer.set(this.#queue.peek(size) ?? [], at + STATUS_BYTES);
      this.#queue.skip(size);
      at += STATUS_BYTES + size;
    }
    if (this.#queue.length === 0) this.#isFlushed = false;
    this.#sentAtMs = this.#options.now();
    this.#cancel?.();
    this.#cancel = undefined;
    return transfer;
  }
}
