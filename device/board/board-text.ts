/**
 * The text of a sequence and the board that has its state: over sessions that break, the board is brought back to where
 * the text is, from its last state if it gives and takes states, and else from the state zero.
 */

import type { ImageIdentity } from '../../model/machine/machine.js';
import { randomWord } from '../random.js';
import { hexOf } from '../../protocol/hex.js';
import type { ModelShape } from '../../protocol/image/model-shape.js';
import { sameBytes } from '../../protocol/little-endian.js';
import { GREEDY, seedOf, type SamplerSettings } from '../../protocol/sampling.js';
import { stateWords } from '../../protocol/state/sequence-state.js';
import { DONE, MAX_RUN_TOKENS, partsOfStepped, RESET, RUN, STEP, STEPPED } from '../../protocol/wire/messages-run.js';
import { boardMalformed, otherImage, otherThanBefore } from '../board-error.js';
import type { BoardConnection } from '../connection.js';
import type { BoardSession } from '../session.js';
import { Checkpoints } from './checkpoints.js';
import type { ReadingPace } from './reading-pace.js';
import { writeState } from './state-transfer.js';
import { Trail, ZERO_POINT, type FedToken, type StatePoint } from './trail.js';

export interface BoardTextOptions {
  readonly connection: BoardConnection;
  readonly shape: ModelShape;
  readonly image: ImageIdentity;
  /** Who samples. */
  readonly sampling: 'board' | 'host';
  /** Of a board that gives and takes states. */
  readonly pace: ReadingPace | undefined;
}

/** Who waits for tokens that are fed. */
export interface FeedWatch {
  readonly signal?: AbortSignal | undefined;
  /** Is told how many of them are fed. */
  readonly onPrompt?: ((fed: number) => void) | undefined;
}

/** What is asked of a run beside the tokens to feed. */
export interface RunOrder extends FeedWatch {
  readonly maxTokens: number;
  readonly sampler: SamplerSettings;
  readonly firstIndex: number;
}

/** What a token did. */
export type Step = { readonly receipt: number } & NonNullable<ReturnType<typeof partsOfStepped>>;

/** Steps that are under way at a time. */
export const STEPS_AHEAD = 16;

/**
 * Tokens of a prompt in one request, where somebody wants to see how far it is: half a second's worth of a slow board.
 */
const SHOWN_CHUNK = 100;

export class BoardText {
  readonly shape: ModelShape;
  /** Of a board that gives and takes states. */
  readonly checkpoints: Checkpoints | undefined;
  sampling: 'board' | 'host';
  /** All tokens that the caller has seen or given, fed. */
  trail = new Trail(ZERO_POINT);
  readonly #connection: BoardConnection;
  readonly #image: Uint8Array;
  /** The session in which the board's state is that at the end of the trail. */
  #presentIn: BoardSession | undefined;

  constructor({ connection, shape, image, sampling, pace }: BoardTextOptions) {
    this.shape = shape;
    this.sampling = sampling;
    this.#connection = connection;
    this.#image = image.sha256;
    const { clock } = connection;
    const options = { clock, words: stateWords(shape), trail: () => this.trail };
    this.checkpoints = pace && new Checkpoints({ ...options, pace });
  }

  get session(): BoardSession {
    return this.#connection.session;
  }

  /** Makes the board's state that after the trail and `ahead`, which are fed. */
  async reach(session: BoardSession, ahead: readonly number[], watch: FeedWatch = {}): Promise<void> {
    const { end } = this.trail;
    let [position, again]: [number, readonly FedToken[]] = [end, []];
    let isFromState = false;
    if (this.#presentIn !== session) {
      const point = this.trail.pointBefore(end + ahead.length);
      await this.#goTo(session, point);
      ({ position } = point);
      again = this.trail.behind(point);
      isFromState = point.words !== undefined;
    }
    this.#presentIn = undefined;
    const fresh = ahead.slice(Math.max(0, position - end)).map((token) => ({ token, receipt: undefined }));
    const tokens = [...again, ...fresh];
    // A state that came back is checked by the receipts behind it. A board need not know RUN if this computer samples.
    const bySteps = this.sampling === 'host' ? tokens.length : isFromState ? again.length : 0;
    await this.#feedBySteps(session, tokens.slice(0, bySteps), position, watch);
    await this.#feedByRuns(session, tokens.slice(bySteps), position + bySteps, watch);
    await this.checkpoints?.betweenTokens(session, end + ahead.length);
  }

  /** The board's state is that at the end of the trail. */
  arrived(session: BoardSession): void {
    this.#presentIn = session;
  }

  /** What was under way is given up, and what the board did of it not known. */
  leave(): void {
    this.#presentIn = undefined;
    this.checkpoints?.leave();
  }

  /** Another text begins, in this state. */
  begin(point: StatePoint): void {
    this.trail = new Trail(point);
    this.leave();
  }

  /** A run behind the present state. @returns its number */
  async sendRun(
    session: BoardSession,
    tokens: readonly number[],
    { maxTokens, firstIndex, sampler }: RunOrder,
  ): Promise<number> {
    this.#presentIn = undefined;
    const { topK, topP, invTemperature: inverseTemperature } = sampler;
    const run = randomWord();
    const settings = { topK, topP, inverseTemperature, seed: seedOf(sampler) };
    await session.send(RUN, { run, firstIndex, maxTokens, keep: 1, ...settings, tokens: Uint32Array.from(tokens) });
    return run;
  }

  /** Feeds one token behind the present state. @param candidates of the largest logits */
  async step(session: BoardSession, token: number, taps: boolean, candidates: number): Promise<Step> {
    this.#presentIn = undefined;
    const answer = await session.request(STEP, { taps: taps ? 1 : 0, candidates, token }, STEPPED);
    const parts = partsOfStepped(answer, taps ? this.shape.layers + 1 : 0, candidates);
    if (parts === undefined) throw boardMalformed(session.name, 'a STEPPED has more or less in it than asked for');
    parts.candidates.forEach(({ id, logit }, index) => {
      this.checkToken(session, id);
      const before = parts.candidates[index - 1];
      const isSorted = before === undefined || before.logit > logit || (before.logit === logit && before.id < id);
      if (!isSorted) throw boardMalformed(session.name, 'the candidates of a STEPPED are not in their order');
    });
    return { receipt: answer.receipt, ...parts };
  }

  checkToken(session: BoardSession, id: number): void {
    const { vocabSize } = this.shape;
    if (id >= vocabSize) throw boardMalformed(session.name, `it gives token ${id} of a vocabulary of ${vocabSize}`);
  }

  /** Does work over sessions, as long as the board has the same image; undefined when `signal` aborts. */
  async persist<T>(work: (session: BoardSession) => Promise<T>, signal?: AbortSignal): Promise<T | undefined> {
    return await this.#connection.persist(async (session) => {
      try {
        const { sha256 } = session.image;
        if (!sameBytes(sha256, this.#image)) throw otherImage(session.name, hexOf(sha256), hexOf(this.#image));
        return await work(session);
      } catch (error) {
        if (signal?.aborted === true) return undefined;
        throw error;
      }
    });
  }

  async #goTo(session: BoardSession, { position, words }: StatePoint): Promise<void> {
    await session.stopForeignRun();
    if (words === undefined) await session.request(RESET, {}, DONE);
    else await writeState(session, words, position);
  }

  /** @param first position of the first of the tokens */
  async #feedBySteps(
    session: BoardSession,
    tokens: readonly FedToken[],
    first: number,
    { signal, onPrompt }: FeedWatch,
  ): Promise<void> {
    const { end } = this.trail;
    for (let start = 0; start < tokens.length; start += STEPS_AHEAD) {
      signal?.throwIfAborted();
      this.checkpoints?.pace.start();
      const chunk = tokens.slice(start, start + STEPS_AHEAD);
      const steps = await Promise.all(chunk.map(async ({ token }) => await this.step(session, token, false, 0)));
      this.checkpoints?.pace.passed(chunk.length);
      for (const [index, { receipt }] of steps.entries()) {
        const expected = chunk[index]!.receipt;
        if (expected !== undefined && receipt !== expected) {
          throw otherThanBefore(session.name, first + start + index, chunk[index]!.token);
        }
      }
      await this.#fedUpTo(session, first + start + chunk.length, end, onPrompt);
    }
  }

  async #feedByRuns(
    session: BoardSession,
    tokens: readonly FedToken[],
    first: number,
    { signal, onPrompt }: FeedWatch,
  ): Promise<void> {
    const { end } = this.trail;
    const shown = onPrompt === undefined ? MAX_RUN_TOKENS : SHOWN_CHUNK;
    const most = Math.max(1, Math.min(session.hello.limits.promptTokens, shown));
    for (let start = 0; start < tokens.length; start += most) {
      const chunk = tokens.slice(start, start + most).map(({ token }) => token);
      this.checkpoints?.pace.start();
      const run = await this.sendRun(session, chunk, { maxTokens: 0, sampler: GREEDY, firstIndex: 0 });
      try {
        while ((await session.nextRunEvent(run, signal)).kind !== 'ended');
      } catch (error) {
        if (signal?.aborted === true) await session.cancelRun(run, signal).catch(() => {});
        throw error;
      }
      this.checkpoints?.pace.passed(chunk.length);
      await this.#fedUpTo(session, first + start + chunk.length, end, onPrompt);
    }
  }

  async #fedUpTo(session: BoardSession, position: number, end: number, onPrompt: FeedWatch['onPrompt']): Promise<void> {
    if (position > end) onPrompt?.(position - end);
    await this.checkpoints?.betweenTokens(session, position);
  }
}
