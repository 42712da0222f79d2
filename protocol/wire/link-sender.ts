/**
 * The sending half of an open link: go-back-N with two windows, the peer's and one of its own that shrinks on trouble,
 * and no more bytes under way than the line carries in a second.
 * docs/PROTOCOL.md, section 2. Times are milliseconds of any monotonic clock.
 */

import { FRAME_OVERHEAD_BYTES, MAX_WINDOW } from './frame.js';
import { LinePace } from './line-pace.js';

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

interface Queued extends Message {
  /** Undefined before it is sent, and after it was sent twice: nobody knows then which one was acknowledged. */
  sent?: { readonly atMs: number; readonly underWayBytes: number } | undefined;
}

export class LinkSender {
  /** Messages from sequence number {@link #base} on, not acknowledged yet: at most {@link MAX_WINDOW}. */
  readonly #queue: Queued[] = [];
  #base = 0;
  /** Index in the queue of the next message to send. */
  #next = 0;
  /** How many of the queue were sent at least once. */
  #sent = 0;

  #peerWindow: number;
  #ownWindow = FIRST_WINDOW;
  #acknowledgedSinceGrowth = 0;
  readonly #pace = new LinePace();

  #repeatMs = FIRST_REPEAT_MS;
  #lastSentAtMs = 0;
  #progressAtMs = 0;

  constructor(peerWindow: number) {
    this.#peerWindow = peerWindow;
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  get hasRoom(): boolean {
    return this.#queue.length < MAX_WINDOW;
  }

  /** Whether a message given now may go out before anything is acknowledged. */
  get hasWindow(): boolean {
    return this.#isOpenFor(this.#queue.length);
  }

  /** The caller has checked {@link hasRoom}. */
  push(message: Message): void {
    this.#queue.push(message);
  }

  /** The next message that may go out now. It counts as sent. */
  take(nowMs: number): Outgoing | undefined {
    const message = this.#queue[this.#next];
    if (message === undefined || !this.#isOpenFor(this.#next)) return undefined;
    const { type, payload } = message;
    const sequence = (this.#base + this.#next) & 255;
    const isRepeat = this.#next < this.#sent;
    this.#next++;
    if (!isRepeat && this.#sent++ === 0) this.#progressAtMs = nowMs;
    message.sent = isRepeat ? undefined : { atMs: nowMs, underWayBytes: this.#bytesOf(this.#next) };
    this.#lastSentAtMs = nowMs;
    return { type, payload, sequence, isRepeat };
  }

  /** Takes the `acknowledge` and `window` of any frame. Numbers of messages never sent are none of this session. */
  acknowledge(expected: number, window: number, nowMs: number): void {
    const count = (expected - this.#base) & 255;
    if (count > this.#sent) return;
    this.#peerWindow = window;
    if (count === 0) return;
    const last = this.#queue.splice(0, count).at(-1)?.sent;
    if (last !== undefined) this.#pace.measured(last.underWayBytes, nowMs - last.atMs);
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
    this.#pace.missed();
    this.#repeatMs = Math.min(LAST_REPEAT_MS, 2 * this.#repeatMs);
    this.#lastSentAtMs = nowMs;
  }

  /** When {@link repeatIfDue} has something to do; infinity if never. */
  get repeatAtMs(): number {
    if (this.#sent === 0) return Infinity;
    const sinceMs = Math.max(this.#lastSentAtMs, this.#progressAtMs);
    return sinceMs + this.#repeatMs + this.#patienceMs;
  }

  /** When the peer must have acknowledged something; infinity if there is nothing. */
  get deadAtMs(): number {
    return this.#sent === 0 ? Infinity : this.#progressAtMs + GIVE_UP_MS + this.#patienceMs;
  }

  /** Whether a frame may go out behind the first `count` of the queue. */
  #isOpenFor(count: number): boolean {
    const window = Math.min(this.#peerWindow, this.#ownWindow);
    return count < window && this.#bytesOf(count) < this.#pace.underWayBytes;
  }

  /** For what is unacknowledged. */
  get #patienceMs(): number {
    return this.#pace.patienceMs(this.#bytesOf(this.#sent));
  }

  /** On the line, of the first `count` of the queue. */
  #bytesOf(count: number): number {
    let bytes = 0;
    for (let index = 0; index < count; index++) bytes += FRAME_OVERHEAD_BYTES + this.#queue[index]!.payload.length;
    return bytes;
  }

  #grow(acknowledged: number): void {
    this.#acknowledgedSinceGrowth += acknowledged;
    if (this.#acknowledgedSinceGrowth < FRAMES_PER_GROWTH) return;
    this.#acknowledgedSinceGrowth -= FRAMES_PER_GROWTH;
    this.#ownWindow = Math.min(MAX_WINDOW, this.#ownWindow + 1);
  }
}
