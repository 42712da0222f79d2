/**
 * The sending half of an open link: go-back-N with two windows, the peer's and one of its own that shrinks on trouble.
 * docs/PROTOCOL.md, section 2. Times are milliseconds of any monotonic clock.
 */

import { FRAME_OVERHEAD_BYTES, MAX_WINDOW } from './frame.js';

/** What the application gives and gets: the payload of one frame. */
export interface Message {
  readonly type: number;
  readonly payload: Uint8Array;
}

/** A message on its way out. */
export interface Outgoing extends Message {
  readonly sequence: number;
  /** Whether it was sent before. */
  readonly isRepeat: boolean;
}

const FIRST_WINDOW = 8;
const FRAMES_PER_GROWTH = 32;
const FIRST_REPEAT_MS = 100;
const LAST_REPEAT_MS = 1600;
const GIVE_UP_MS = 5000;

/** What a line of 115,200 baud carries, so that repeating does not start before the first sending is over. */
const SLOWEST_BYTES_PER_MS = 10;

export class LinkSender {
  /** Messages from sequence number {@link #base} on, not acknowledged yet: at most {@link MAX_WINDOW}. */
  readonly #queue: Message[] = [];
  #base = 0;
  /** Index in the queue of the next message to send. */
  #next = 0;
  /** How many of the queue were sent at least once, and their bytes. */
  #sent = 0;
  #sentBytes = 0;

  #peerWindow: number;
  #ownWindow = FIRST_WINDOW;
  #acknowledgedSinceGrowth = 0;

  #repeatMs = FIRST_REPEAT_MS;
  #lastSentAtMs = 0;
  #progressAtMs = 0;

  constructor(peerWindow: number) {
    this.#peerWindow = peerWindow;
  }

  get hasRoom(): boolean {
    return this.#queue.length < MAX_WINDOW;
  }

  /** Whether a message given now may go out before anything is acknowledged. */
  get hasWindow(): boolean {
    return this.#queue.length < Math.min(this.#peerWindow, this.#ownWindow);
  }

  /** The caller has checked {@link hasRoom}. */
  push(message: Message): void {
    this.#queue.push(message);
  }

  /** The next message that may go out now. It counts as sent. */
  take(nowMs: number): Outgoing | undefined {
    const message = this.#queue[this.#next];
    if (message === undefined || this.#next >= Math.min(this.#peerWindow, this.#ownWindow)) return undefined;
    const sequence = (this.#base + this.#next) & 255;
    const isRepeat = this.#next < this.#sent;
    this.#next++;
    if (!isRepeat) {
      if (this.#sent++ === 0) this.#progressAtMs = nowMs;
      this.#sentBytes += lineBytes(message);
    }
    this.#lastSentAtMs = nowMs;
    return { ...message, sequence, isRepeat };
  }

  /** Takes the `acknowledge` and `window` of any frame. Numbers of messages never sent are none of this session. */
  acknowledge(expected: number, window: number, nowMs: number): void {
    const count = (expected - this.#base) & 255;
    if (count > this.#sent) return;
    this.#peerWindow = window;
    if (count === 0) return;
    for (const message of this.#queue.splice(0, count)) this.#sentBytes -= lineBytes(message);
    this.#base = expected;
    this.#sent -= count;
    this.#next = Math.max(0, this.#next - count);
    this.#repeatMs = FIRST_REPEAT_MS;
    this.#progressAtMs = nowMs;
    this.#grow(count);
  }

  /** Everything sent and not acknowledged goes out again, half as much at a time. False if there is nothing. */
  repeat(): boolean {
    if (this.#sent === 0) return false;
    this.#next = 0;
    this.#ownWindow = Math.max(1, this.#ownWindow >> 1);
    return true;
  }

  /** Repeats if the peer has been silent about it for long enough; each time it waits longer. */
  repeatIfDue(nowMs: number): void {
    if (nowMs < this.repeatAtMs) return;
    this.repeat();
    this.#repeatMs = Math.min(LAST_REPEAT_MS, 2 * this.#repeatMs);
    this.#lastSentAtMs = nowMs;
  }

  /** When {@link repeatIfDue} has something to do; infinity if never. */
  get repeatAtMs(): number {
    if (this.#sent === 0) return Infinity;
    const sinceMs = Math.max(this.#lastSentAtMs, this.#progressAtMs);
    return sinceMs + this.#repeatMs + this.#sentBytes / SLOWEST_BYTES_PER_MS;
  }

  /** When the peer must have acknowledged something; infinity if there is nothing. */
  get deadAtMs(): number {
    return this.#sent === 0 ? Infinity : this.#progressAtMs + GIVE_UP_MS;
  }

  #grow(acknowledged: number): void {
    this.#acknowledgedSinceGrowth += acknowledged;
    if (this.#acknowledgedSinceGrowth < FRAMES_PER_GROWTH) return;
    this.#acknowledgedSinceGrowth -= FRAMES_PER_GROWTH;
    this.#ownWindow = Math.min(MAX_WINDOW, this.#ownWindow + 1);
  }
}

function lineBytes({ payload }: Message): number {
  return FRAME_OVERHEAD_BYTES + payload.length;
}
