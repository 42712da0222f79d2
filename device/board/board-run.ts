/** A run on the board: it samples and sends its tokens unasked. docs/PROTOCOL.md, section 5. */

import type { GeneratedToken } from '../../model/machine/machine.js';
import { isEnd } from '../../protocol/image/end-tokens.js';
import { END_REASON, RESUME } from '../../protocol/wire/messages-run.js';
import { boardMalformed } from '../board-error.js';
import type { BoardSession } from '../session.js';
import type { RunEvent } from '../session-link.js';
import type { BoardText, RunOrder } from './board-text.js';

/** A token and what it was chosen from. */
export type Chosen = Omit<GeneratedToken, 'index'>;

/** @param tokens to feed first, at least one */
export async function* generateThere(
  text: BoardText,
  tokens: readonly number[],
  order: RunOrder,
): AsyncGenerator<Chosen> {
  const { maxTokens, firstIndex, signal } = order;
  const end = firstIndex + maxTokens;
  const run = new BoardRun(text);
  let next = firstIndex;
  /** What is fed before the next one is chosen. */
  let toFeed = tokens;
  const isWhole = (): boolean => next === end || (next > firstIndex && isEnd(text.shape, toFeed.at(-1)!));
  try {
    while (!isWhole()) {
      const rest = { ...order, firstIndex: next, maxTokens: end - next };
      const event = await text.persist(async (session) => await run.next(session, toFeed, rest), signal);
      if (event === undefined) return;
      const { session } = text;
      if (event.kind === 'ended') {
        throw boardMalformed(session.name, `it ends a run at ${event.nextIndex} for no reason (${event.reason})`);
      }
      const { index, token: id, receipt } = event;
      if (index !== next) throw boardMalformed(session.name, `it sends token ${index} instead of ${next}`);
      text.checkToken(session, id);
      next++;
      const last = toFeed.length - 1;
      text.trail.push(toFeed.map((token, place) => ({ token, receipt: place === last ? receipt : undefined })));
      toFeed = [id];
      yield { id, receipt };
    }
  } finally {
    // The caller may have left with the last token, and knows no more than that he has it.
    const stateIsThere = await run.leave(next, isWhole(), signal);
    if (stateIsThere && next > firstIndex) text.arrived(text.session);
    else text.leave();
  }
}

class BoardRun {
  readonly #text: BoardText;
  /** Its number, while it goes on. */
  #run: number | undefined;
  /** The session in which the board was asked for it. */
  #session: BoardSession | undefined;

  constructor(text: BoardText) {
    this.#text = text;
  }

  /**
   * What the board says next of the run, which is resumed in a new session, or started behind the text and `toFeed`.
   */
  async next(session: BoardSession, toFeed: readonly number[], order: RunOrder): Promise<RunEvent> {
    const { trail, checkpoints } = this.#text;
    if (this.#run !== undefined && this.#session !== session) {
      this.#session = session;
      await session.send(RESUME, { run: this.#run, index: order.firstIndex });
      const event = await session.nextRunEvent(this.#run, order.signal);
      if (event.kind === 'token' || event.reason !== END_REASON.unknownRun) return event;
      this.#run = undefined;
    }
    if (this.#run === undefined) {
      await this.#text.reach(session, toFeed.slice(0, -1), order);
      this.#run = await this.#text.sendRun(session, toFeed.slice(-1), order);
      this.#session = session;
      checkpoints?.pace.start();
    } else {
      checkpoints?.duringRun(session, trail.end, trail.end + toFeed.length + order.maxTokens - 1);
    }
    const event = await session.nextRunEvent(this.#run, order.signal);
    if (event.kind === 'token') checkpoints?.pace.passed(1);
    return event;
  }

  /**
   * A run that is whole ends by itself, any other is cancelled: the caller has seen enough, or all went wrong.
   *
   * @param next index of the first token that the caller has not seen
   * @returns whether the board says that it chose none beyond those: it stands where the caller does
   */
  async leave(next: number, isWhole: boolean, signal: AbortSignal | undefined): Promise<boolean> {
    const run = this.#run;
    if (run === undefined) return false;
    this.#run = undefined;
    const { session } = this.#text;
    try {
      // A board may know one token that ends a text where the image has several, and go on behind the others.
      const last = isWhole && session === this.#session ? await session.lastOfRun(run, signal) : undefined;
      const { nextIndex, reason } = last?.kind === 'ended' ? last : await session.cancelRun(run, signal);
      return nextIndex === next && reason !== END_REASON.unknownRun;
    } catch {
      return false;
    }
  }
}
