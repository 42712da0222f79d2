/**
 * How often a board's state is read: so seldom that it costs at most 2 % of the time, and often enough that a power cut
 * costs few tokens. docs/PROTOCOL.md, section 8.
 *
 * What a reading costs is measured while the board has nothing else to do, and the shortest time counts: whatever
 * disturbs a reading only makes it longer. A run loses less, because part of that time passes while a token is computed
 * anyway.
 */

import type { Clock } from '../clock.js';

/** Of the time. */
const LARGEST_SHARE = 0.02;
/** A state is read that seldom at least: to feed so few tokens again takes no time that anybody notices. */
const FEWEST_TOKENS = 32;
/**
 * And that often where it is not the line that takes the time, as long as a reading takes no more than this share of
 * it.
 */
const MOST_TOKENS = 64;
/** A run loses about a third of it then: docs/PERFORMANCE.md. */
const SHARE_OF_MOST = 0.06;

/** Words from which the time of a whole state is estimated at first: 40 ms of a line of 115,200 baud. */
const PROBE_WORDS = 100;
/** After so long of probing, tokens come first. */
const PROBING_MS = 100;

export class ReadingPace {
  readonly #clock: Clock;
  readonly #words: number;
  #readMs: number | undefined;
  #probeWords = PROBE_WORDS;
  #firstProbeMs = 0;
  #spentMs = 0;
  #probeAtMs = -Infinity;
  #tokens = 0;
  #tokensMs = 0;
  #lapMs = 0;

  /** @param words of a state */
  constructor(clock: Clock, words: number) {
    this.#clock = clock;
    this.#words = words;
  }

  /**
   * How many words of a state are to be read now, to know better what all of them take; undefined if it is known, or
   * not the time for it.
   *
   * The first answers come late, because the machine code for them is made meanwhile, and by them a fast line would be
   * a slow one, of which hardly a state is read: so twice as many words are read each time, up to a whole state. A line
   * that is slow, or a computer that is busy, is asked again when that costs little.
   */
  get probe(): number | undefined {
    return this.isProbing && this.#clock.now() >= this.#probeAtMs ? this.#probeWords : undefined;
  }

  /** Whether more than what is known is to be found out. */
  get isProbing(): boolean {
    return this.#probeWords < this.#words;
  }

  /** Whether anything was read. */
  get isKnown(): boolean {
    return this.#readMs !== undefined;
  }

  /** Tokens from one reading to the next; Infinity before both times are known. */
  get tokens(): number {
    if (this.#readMs === undefined || this.#tokens === 0) return Infinity;
    const msPerToken = this.#tokensMs / this.#tokens;
    const tokens = Math.max(FEWEST_TOKENS, Math.ceil(this.#readMs / (LARGEST_SHARE * msPerToken)));
    // A line needs as much longer for a state as it has more words than the first probe.
    const isLine = 2 * this.#readMs > this.#firstProbeMs * (this.#words / PROBE_WORDS);
    const isCheap = !isLine && this.#readMs <= SHARE_OF_MOST * MOST_TOKENS * msPerToken;
    return isCheap ? Math.min(MOST_TOKENS, tokens) : tokens;
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

  /** The words of {@link probe} took so long. */
  probed(ms: number): void {
    if (this.#probeWords === PROBE_WORDS) this.#firstProbeMs = ms;
    this.#keep(ms * (this.#words / this.#probeWords));
    this.#probeWords *= 2;
    this.#spentMs += ms;
    if (this.#spentMs < PROBING_MS) return;
    this.#probeAtMs = this.#clock.now() + this.#spentMs / LARGEST_SHARE;
    this.#spentMs = 0;
  }

  /** A state took so long. */
  readTook(ms: number): void {
    this.#keep(ms);
    this.#probeWords = this.#words;
  }

  #keep(ms: number): void {
    this.#readMs = Math.min(this.#readMs ?? Infinity, ms);
  }
}
