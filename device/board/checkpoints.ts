/** Reads a board's state now and then, so that a power cut costs few tokens. docs/PROTOCOL.md, section 8. */

import type { Clock } from '../clock.js';
import { isLoss } from '../connection.js';
import type { BoardSession } from '../session.js';
import { ReadingPace } from './reading-pace.js';
import { readBeginning, readState } from './state-transfer.js';
import type { StatePoint, Trail } from './trail.js';

export interface CheckpointOptions {
  readonly clock: Clock;
  /** L · H. */
  readonly words: number;
  /** Of the text as it is now. */
  readonly trail: () => Trail;
}

/** Words from which the time of a whole state is estimated at first: 40 ms of a line of 115,200 baud. */
const PROBE_WORDS = 100;
/** In so long more words are read, to know it better. */
const PROBING_MS = 100;
/** Where twice as many words take less than so many times as long, it is not the line that takes the time. */
const HARDLY_LONGER = 1.5;

export class Checkpoints {
  readonly pace: ReadingPace;
  readonly #options: CheckpointOptions;
  /** Where the caller was when a state was asked for the last time. */
  #askedAt = 0;
  /** Another one with every text: a state of another one comes too late. */
  #text = 0;
  /** A reading while a run goes on. Never rejects. */
  #reading: Promise<void> | undefined;
  #failure: { readonly session: BoardSession; readonly error: unknown } | undefined;

  constructor(options: CheckpointOptions) {
    this.#options = options;
    this.pace = new ReadingPace(options.clock);
  }

  /**
   * While a run goes on: begins to read if it is time.
   *
   * @param position tokens that are certainly fed @param last the most that can be
   * @throws what a reading in this session threw
   */
  duringRun(session: BoardSession, position: number, last: number): void {
    const failure = this.#failure;
    // Of a session that is over tokens may still be here, which come first.
    if (failure?.session === session && !isLoss(failure.error)) throw failure.error;
    if (this.#reading !== undefined || !this.#isDue(position)) return;
    this.#reading = this.#readMeanwhile(session, position, last);
  }

  /** While the board waits at `position`: reads if it is time, and the first time, to see what it costs. */
  async betweenTokens(session: BoardSession, position: number): Promise<void> {
    if (!this.pace.isKnown) await this.#measure(session, position);
    else if (this.#isDue(position)) await this.readAt(session, position);
  }

  /** Reads the state of a board that waits at `position`. */
  async readAt(session: BoardSession, position: number): Promise<StatePoint> {
    // The board keeps one copy only.
    await this.#reading;
    return await this.#read(session, position, position);
  }

  /** Another text is made from now on than the one that was under way. */
  leave(): void {
    this.#text++;
    const trail = this.#options.trail();
    trail.forgetAhead();
    this.#askedAt = trail.lastPoint;
  }

  #isDue(position: number): boolean {
    return position - this.#askedAt >= this.pace.tokens;
  }

  /**
   * Finds out what a reading takes. The first answers come late, because the machine code for them is made meanwhile, and
   * by them a fast line would be a slow one, of which hardly a state is read: so twice as many words are read each time.
   */
  async #measure(session: BoardSession, position: number): Promise<void> {
    const { clock, words } = this.#options;
    await this.#reading;
    const firstMs = clock.now();
    let beforeMs = Infinity;
    for (let probe = PROBE_WORDS; probe < words; probe *= 2) {
      const startMs = clock.now();
      await readBeginning(session, { words, first: position, last: position }, probe);
      const tookMs = clock.now() - startMs;
      this.pace.readTook(tookMs * (words / probe));
      if (tookMs > HARDLY_LONGER * beforeMs && startMs + tookMs - firstMs > PROBING_MS) return;
      beforeMs = tookMs;
    }
    await this.#read(session, position, position);
  }

  async #readMeanwhile(session: BoardSession, first: number, last: number): Promise<void> {
    try {
      await this.#read(session, first, last);
    } catch (error) {
      this.#failure = { session, error };
      this.#askedAt = this.#options.trail().lastPoint;
    } finally {
      this.#reading = undefined;
    }
  }

  async #read(session: BoardSession, first: number, last: number): Promise<StatePoint> {
    const { clock, words, trail } = this.#options;
    const text = this.#text;
    this.#askedAt = first;
    const startMs = clock.now();
    const point = await readState(session, { words, first, last });
    this.pace.readTook(clock.now() - startMs);
    if (text === this.#text) trail().keep(point);
    return point;
  }
}
