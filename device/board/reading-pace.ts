/**
 * How often a board's state is read: so seldom that it costs at most 2 % of the time. docs/PROTOCOL.md, section 8.
 *
 * What a reading costs is measured while the board has nothing else to do: during a run part of the time passes while a
 * token is computed anyway, so it costs less there.
 */

import type { Clock } from '../clock.js';

/** Of the time. */
const LARGEST_SHARE = 0.02;
/** A state is read that seldom at least: to feed so few tokens again takes no time that anybody notices. */
const FEWEST_TOKENS = 32;

export class ReadingPace {
  readonly #clock: Clock;
  #readMs: number | undefined;
  #tokens = 0;
  #tokensMs = 0;
  #lapMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isKnown(): boolean {
    return this.#readMs !== undefined;
  }

  /** Tokens from one reading to the next; Infinity before both times are known. */
  get tokens(): number {
    if (this.#readMs === undefined || this.#tokens === 0) return Infinity;
    const msPerToken = this.#tokensMs / this.#tokens;
    return Math.max(FEWEST_TOKENS, Math.ceil(this.#readMs / (LARGEST_SHARE * msPerToken)));
  }

  /** Tokens are computed from now on. */
  start(): void {
    this.#lapMs = this.#clock.now();
  }

  /** So many were, and more will be. */
  passed(tokens: number): void {
    const nowMs = this.#clock.now();
    this.#tokens += tokens;
    this.#tokensMs += nowMs - this.#lapMs;
    this.#lapMs = nowMs;
  }

  /** A reading took, or would take, so long at most: whatever disturbs it only makes it longer. */
  readTook(ms: number): void {
    this.#readMs = Math.min(this.#readMs ?? Infinity, ms);
  }
}
