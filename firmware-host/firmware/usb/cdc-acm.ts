/**
 * The serial port of a board on USB: CDC-ACM (PSTN 1.2, section 6.3). Its bytes are a wire of the board; line coding,
 * line state and breaks are taken and change nothing, but that a host which hangs up (DTR) leaves no old bytes to the
 * next.
 */

import type { Wire, WireEvents } from '../../virtual/wires/wire.js';
import type { SetupPacket } from './setup-packet.js';

const REQUEST = { setLineCoding: 0x20, getLineCoding: 0x21, setControlLineState: 0x22, sendBreak: 0x23 } as const;
const LINE_CODING_BYTES = 7;
const DTR = 1;
/** The wire takes no more frames while so much waits for the host. */
const HIGH_WATER_BYTES = 32_768;
const NOTHING = new Uint8Array(0);

export class CdcAcm {
  readonly #onReady: () => void;
  /** 115,200 baud, 1 stop bit, no parity, 8 data bits. */
  #lineCoding = Uint8Array.of(0x00, 0xc2, 0x01, 0x00, 0, 0, 8);
  #lineState = 0;
  #events: WireEvents | undefined;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;

  /** @param onReady is told when there is something for the host */
  constructor(onReady: () => void) {
    this.#onReady = onReady;
  }

  /** A host has configured the device: a wire from here to it, until {@link unplug}. */
  plug(): Wire {
    this.unplug();
    const isReady = (): boolean => this.#waitingBytes < HIGH_WATER_BYTES;
    let isOpen = true;
    return {
      get isReady() {
        return isReady();
      },
      start: (events) => {
        this.#events = {
          ...events,
          onGone: () => {
            isOpen = false;
            events.onGone();
          },
        };
      },
      write: (bytes) => {
        if (isOpen) this.#enqueue(bytes);
      },
      close: () => this.unplug(),
    };
  }

  unplug(): void {
    const events = this.#events;
    this.#events = undefined;
    this.#lineState = 0;
    this.#drop();
    events?.onGone();
  }

  /** A class-specific request to the control interface. @returns data; undefined is STALL */
  request({ request, value, length }: SetupPacket, data: Uint8Array): Uint8Array | undefined {
    switch (request) {
      case REQUEST.setLineCoding:
        if (length !== LINE_CODING_BYTES) return undefined;
        this.#lineCoding = data.slice();
        return NOTHING;
      case REQUEST.getLineCoding:
        return this.#lineCoding;
      case REQUEST.setControlLineState:
        if ((this.#lineState & DTR) !== 0 && (value & DTR) === 0) this.#drop();
        this.#lineState = value;
        return NOTHING;
      case REQUEST.sendBreak:
        return NOTHING;
      default:
        return undefined;
    }
  }

  /** Bytes of the host. */
  receive(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#events?.onData(bytes);
  }

  /** Bytes for the host, at most `length`; undefined if there are none. */
  transmit(length: number): Uint8Array | undefined {
    const first = this.#waiting[0];
    if (first === undefined || length === 0) return undefined;
    const wasFull = this.#waitingBytes >= HIGH_WATER_BYTES;
    const parts: Uint8Array[] = [];
    let room = length;
    while (room > 0 && this.#waiting.length > 0) {
      const next = this.#waiting[0]!;
      if (next.length <= room) this.#waiting.shift();
      else this.#waiting[0] = next.subarray(room);
      parts.push(next.subarray(0, room));
      room -= Math.min(room, next.length);
    }
    this.#waitingBytes -= length - room;
    if (wasFull && this.#waitingBytes < HIGH_WATER_BYTES) this.#events?.onReady();
    return parts.length === 1 ? parts[0] : new Uint8Array(Buffer.concat(parts));
  }

  #enqueue(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#onReady();
  }

  #drop(): void {
    this.#waiting = [];
    this.#waitingBytes = 0;
    // The board may wait for room that there is now.
    this.#events?.onReady();
  }
}
