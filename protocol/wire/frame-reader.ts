/**
 * Frames out of a stream of bytes, whatever the stream holds: noise is normal, and a bad frame is a value.
 *
 * Memory is one longest frame; time is proportional to the bytes.
 */

import { cobsDecode } from './cobs.js';
import { decodeFrame, MAX_ENCODED_BYTES } from './frame.js';
import type { BadReason, Frame } from './frame.js';

/** What a stream turned out to hold. All bytes are copies. */
export type FrameEvent =
  | { readonly kind: 'frame'; readonly frame: Frame }
  | { readonly kind: 'bad'; readonly reason: BadReason }
  /** What a board says before it speaks this protocol: boot text for the monitor, as it comes. */
  | { readonly kind: 'text'; readonly bytes: Uint8Array };

/**
 * Every frame begins with one of these: kind 0 (`data`) makes the first code byte 1; in all other kinds the kind is
 * not 0 and the type is, which makes it 2.
 */
const LARGEST_FIRST_BYTE = 2;

/** Cuts a stream at its zeros. */
export class FrameReader {
  readonly #buffer = new Uint8Array(MAX_ENCODED_BYTES);
  /** Bytes since the last zero; only as many as the buffer holds are kept. */
  #length = 0;
  #isText = false;
  #sawFrame = false;

  /** Bytes of a frame that has begun. */
  get begunBytes(): number {
    return this.#isText ? 0 : Math.min(this.#length, MAX_ENCODED_BYTES);
  }

  /** Takes any number of bytes, cut anywhere, and returns what they complete. */
  feed(bytes: Uint8Array): FrameEvent[] {
    const events: FrameEvent[] = [];
    for (let at = 0; at < bytes.length;) {
      const zero = bytes.indexOf(0, at);
      const end = zero < 0 ? bytes.length : zero;
      if (end > at) this.#take(bytes.subarray(at, end), events);
      if (zero >= 0) this.#finish(events);
      at = end + 1;
    }
    return events;
  }

  #take(piece: Uint8Array, events: FrameEvent[]): void {
    if (this.#length === 0) this.#isText = !this.#sawFrame && piece[0]! > LARGEST_FIRST_BYTE;
    if (this.#isText) {
      events.push({ kind: 'text', bytes: piece.slice() });
    } else if (this.#length < MAX_ENCODED_BYTES) {
      this.#buffer.set(piece.subarray(0, MAX_ENCODED_BYTES - this.#length), this.#length);
    }
    this.#length += piece.length;
  }

  #finish(events: FrameEvent[]): void {
    const length = this.#length;
    this.#length = 0;
    if (length === 0 || this.#isText) return;
    const frame = length > MAX_ENCODED_BYTES ? 'length' : this.#decode(this.#buffer.subarray(0, length));
    if (typeof frame === 'string') {
      events.push({ kind: 'bad', reason: frame });
    } else {
      this.#sawFrame = true;
      events.push({ kind: 'frame', frame });
    }
  }

  #decode(stuffed: Uint8Array): Frame | BadReason {
    const length = cobsDecode(stuffed, stuffed);
    return length === undefined ? 'cobs' : decodeFrame(stuffed.subarray(0, length));
  }
}
