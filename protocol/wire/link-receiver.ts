/**
 * The receiving half of an open link: which frame is next, and when to say so. docs/PROTOCOL.md, section 2.
 * Times are milliseconds of any monotonic clock.
 */

const ACK_DELAY_MS = 5;

/** Half of the window that a sender starts with. */
const FRAMES_PER_ACK = 4;

/** A second request for the same frame makes sense only after the first had time to help. */
const AGAIN_PAUSE_MS = 100;

export class LinkReceiver {
  /** Sequence number of the next frame to take. */
  expected = 0;
  #announced: number;
  #takenSinceAck = 0;
  #ackAtMs = Infinity;

  #again = false;
  #againFor = -1;
  #againAtMs = -Infinity;

  /** @param announced the window that the peer was told last */
  constructor(announced: number) {
    this.#announced = announced;
  }

  /**
   * Whether to deliver the frame. A frame that comes twice is acknowledged again, one that comes too early is a gap.
   *
   * @param room frames that can be taken now
   */
  take(sequence: number, room: number, nowMs: number): boolean {
    const ahead = (sequence - this.expected) & 255;
    if (ahead === 0 && room > 0) {
      this.expected = (sequence + 1) & 255;
      this.#takenSinceAck++;
      this.#again = false; // what was bad was not this frame
      // The sender may wait for this with its window closed: no time to wait for an answer to ride on.
      const isDue = this.#takenSinceAck >= FRAMES_PER_ACK || 2 * this.#takenSinceAck >= this.#announced;
      this.#ackWithin(isDue ? 0 : ACK_DELAY_MS, nowMs);
      return true;
    }
    if (ahead === 0 || ahead >= 128) this.#ackWithin(ACK_DELAY_MS, nowMs);
    else this.missing(nowMs);
    return false;
  }

  /** A frame was bad, or one is missing: asks for it at once, unless that was just done. */
  missing(nowMs: number): void {
    const isNew = this.#againFor !== this.expected || nowMs >= this.#againAtMs + AGAIN_PAUSE_MS;
    if (!isNew) return;
    this.#again = true;
    this.#againFor = this.expected;
    this.#againAtMs = nowMs;
  }

  /** The peer wants to know where this side is. */
  answer(nowMs: number): void {
    this.#ackWithin(0, nowMs);
  }

  /** Whether to ask for a repetition now. */
  get wantsAgain(): boolean {
    return this.#again;
  }

  /**
   * When to acknowledge at the latest; infinity if there is no need.
   *
   * @param room frames that can be taken now: a peer that was told 0 is waiting for more
   */
  ackAtMs(room: number): number {
    return this.#announced === 0 && room > 0 ? -Infinity : this.#ackAtMs;
  }

  /** A frame of any kind goes out, and tells this window. */
  announce(window: number): void {
    this.#announced = window;
  }

  /** A frame goes out that acknowledges, with `again` or without. */
  acknowledged(again: boolean): void {
    this.#takenSinceAck = 0;
    this.#ackAtMs = Infinity;
    if (again) this.#again = false;
  }

  #ackWithin(delayMs: number, nowMs: number): void {
    this.#ackAtMs = Math.min(this.#ackAtMs, nowMs + delayMs);
  }
}
