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
  /** What is known of the board. */
  readonly pace: ReadingPace;
  /** Of the text as it is now. */
  readonly trail: () => Trail;
}

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
    this.pace = options.pace;
  }

  /**
   * While a run goes on: begins to read if it is time, or to find out what it costs.
   *
   * @param position tokens that are certainly fed @param last the most that can be
   * @throws what a reading in this session threw
   */
  duringRun(session: BoardSession, position: number, last: number): void {
    const failure = this.#failure;
    // Of a session that is over tokens may still be here, which come first.
    if (failure?.session === session && !isLoss(failure.error)) throw failure.error;
    if (this.#reading !== undefined) return;
    if (this.#isDue(position)) this.#reading = this.#meanwhile(session, () => this.#read(session, position, last));
    else if (this.pace.probe !== undefined) {
      this.#reading = this.#meanwhile(session, () => this.#probe(session, position, last));
    }
  }

  /** While the board waits at `position`: reads if it is time, or to see what it costs. */
  async betweenTokens(session: BoardSession, position: number): Promise<void> {
    if (this.pace.probe !== undefined || !this.pace.isKnown) await this.#measure(session, position);
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

  /** Finds out what a reading takes, as far as there is time for it. */
  async #measure(session: BoardSession, position: number): Promise<void> {
    await this.#reading;
    while (this.pace.probe !== undefined) await this.#probe(session, position, position);
    if (!this.pace.isProbing) await this.#read(session, position, position);
  }

  async #probe(session: BoardSession, first: number, last: number): Promise<void> {
    const { clock, words } = this.#options;
    const startMs = clock.now();
    await readBeginning(session, { words, first, last }, this.pace.probe ?? words);
    this.pace.probed(clock.now() - startMs);
  }

  /** Beside a run. */
  async #meanwhile(session: BoardSession, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
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
