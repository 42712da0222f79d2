/**
 * A board as a machine: the same interface as the reference, so the same commands and the same comparison. It has one sequence at a time.
 *
 * What was fed to the board since the state zero is remembered here: when the wire breaks, a run goes on at its index if
 * the board still has it, and otherwise a new one starts behind the same tokens; the sampler counts by index, so the
 * result is the same.
 */

import { randomInt } from 'node:crypto';
import { candidatesNeeded, Sampler } from '../model/integer/sampler.js';
import { Ledger } from '../model/machine/ledger.js';
import type {
  FeedOptions,
  GeneratedToken,
  GenerateRequest,
  Machine,
  MachineFacts,
  Sequence,
  StepRecord,
} from '../model/machine/machine.js';
import { hexOf } from '../protocol/hex.js';
import { isEnd } from '../protocol/image/end-tokens.js';
import type { ModelShape } from '../protocol/image/model-shape.js';
import { exp2Table } from '../protocol/image/tables.js';
import { sameBytes } from '../protocol/little-endian.js';
import { GREEDY, type SamplerSettings } from '../protocol/sampling.js';
import type { SequenceState } from '../protocol/state/sequence-state.js';
import {
  DONE,
  END_REASON,
  MAX_RUN_TOKENS,
  partsOfStepped,
  RESET,
  RESUME,
  RUN,
  STEP,
  STEPPED,
} from '../protocol/wire/messages-run.js';
import { boardMalformed, otherImage } from './board-error.js';
import type { BoardConnection } from './connection.js';
import type { BoardSession } from './session.js';
import type { RunEvent } from './session-link.js';

export interface BoardMachineOptions {
  /** Who samples: the board itself if it can, or this computer from the candidates that the board sends. */
  readonly sampling?: 'board' | 'host';
  /** Tokens that end a text, if the image has several: a board tells one of them, and may know no other. */
  readonly eosTokenIds?: readonly number[] | undefined;
}

/** Steps that are under way at a time. */
const STEPS_AHEAD = 16;

/** Tokens of a prompt in one request, where somebody wants to see how far it is: half a second's worth of a slow board. */
const SHOWN_CHUNK = 100;

/** Who waits for tokens that are fed. */
type FeedWatch = Pick<GenerateRequest, 'signal' | 'onPrompt'>;

export class BoardMachine implements Machine {
  readonly facts: MachineFacts;
  readonly #connection: BoardConnection;
  readonly #sampling: 'board' | 'host';
  #isTaken = false;

  /** @throws BoardError `board-no-image` */
  constructor(connection: BoardConnection, { sampling = 'board', eosTokenIds }: BoardMachineOptions = {}) {
    const { image, hello } = connection.session;
    const name = `${hello.board} ${hello.serial}`;
    const can = { taps: true, logits: false, sampling: sampling === 'board', state: false, batches: false };
    const shape = { ...image, ...(eosTokenIds && { eosTokenIds }) };
    this.facts = { name, kind: 'board', shape, image, sequences: 1, can };
    this.#connection = connection;
    this.#sampling = sampling;
  }

  open(): Promise<Sequence> {
    if (this.#isTaken) throw new RangeError('a board has one sequence at a time');
    this.#isTaken = true;
    const release = (): void => void (this.#isTaken = false);
    return Promise.resolve(new BoardSequence(this.#connection, this.facts, this.#sampling, release));
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }
}

/** What is asked of a run, from the first token to feed on. */
interface RunOrder {
  readonly maxTokens: number;
  readonly sampler: SamplerSettings;
  readonly firstIndex: number;
  readonly signal?: AbortSignal | undefined;
  readonly onPrompt?: GenerateRequest['onPrompt'];
}

class BoardSequence implements Sequence {
  readonly #connection: BoardConnection;
  readonly #shape: ModelShape;
  readonly #ledger: Ledger;
  readonly #release: () => void;
  #sampling: 'board' | 'host';
  readonly #sampler = new Sampler(exp2Table());
  /** SHA-256 of the image's seal. */
  readonly #image: Uint8Array;
  /** Tokens fed since the state was zero. */
  #fed: readonly number[] = [];
  /** Whether the board's state is that after {@link #fed}. */
  #isInStep = false;
  /** The run that goes on. */
  #run: number | undefined;
  /** The session in which the board was asked for it. */
  #runSession: BoardSession | undefined;

  constructor(
    connection: BoardConnection,
    { shape, image }: MachineFacts,
    sampling: 'board' | 'host',
    release: () => void,
  ) {
    this.#connection = connection;
    this.#shape = shape;
    this.#image = image.sha256;
    this.#ledger = new Ledger(shape);
    this.#sampling = sampling;
    this.#release = release;
  }

  get position(): number {
    return this.#ledger.position;
  }

  async *feed(tokens: readonly number[], { want = 'receipts', signal }: FeedOptions = {}): AsyncGenerator<StepRecord> {
    const ledger = this.#ledger;
    if (want === 'logits') throw new RangeError('a board sends no logits');
    ledger.enter();
    try {
      const all = ledger.toFeed(tokens);
      const unasked = want === 'nothing' ? all.length : all.length - tokens.length;
      for (let start = 0; start < unasked; start += MAX_RUN_TOKENS) {
        if (signal?.aborted === true) return;
        const fed = [...this.#fed, ...all.slice(start, Math.min(unasked, start + MAX_RUN_TOKENS))];
        const count = fed.length - this.#fed.length;
        const isDone = await this.#persist(async (session) => {
          await this.#feed(session, fed, { signal });
          return true;
        }, signal);
        if (isDone === undefined) return;
        ledger.fed(count);
      }
      for (let start = unasked; start < all.length; start += STEPS_AHEAD) {
        if (signal?.aborted === true) return;
        yield* this.#feedForRecords(all.slice(start, start + STEPS_AHEAD), want === 'taps', signal);
      }
    } finally {
      ledger.leave();
    }
  }

  /** A few tokens, all under way at once. */
  async *#feedForRecords(
    tokens: readonly number[],
    taps: boolean,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<StepRecord> {
    const before = this.#fed;
    const steps = await this.#persist(async (session) => {
      await this.#feed(session, before);
      this.#isInStep = false;
      return await Promise.all(tokens.map(async (token) => await this.#step(session, token, taps, 0)));
    }, signal);
    if (steps === undefined) return;
    let read = 0;
    try {
      for (const [index, step] of steps.entries()) {
        read++;
        this.#ledger.fed(1, step.receipt);
        yield { token: tokens[index]!, receipt: step.receipt, ...(taps && { taps: Array.from(step.taps) }) };
        if (signal?.aborted === true) return;
      }
    } finally {
      this.#fed = [...before, ...tokens.slice(0, read)];
      this.#isInStep = read === tokens.length;
    }
  }

  async *generate(request: GenerateRequest): AsyncGenerator<GeneratedToken> {
    const ledger = this.#ledger;
    ledger.enter();
    try {
      const tokens = ledger.toRun(request);
      const { maxTokens, sampler, signal, onPrompt } = request;
      if (this.#sampling === 'board') {
        const knowsRuns = await this.#persist(async (session) => await session.stopForeignRun(), signal);
        if (knowsRuns === undefined) return;
        if (!knowsRuns) this.#sampling = 'host';
      }
      const order = { maxTokens, sampler, signal, onPrompt, firstIndex: ledger.nextDraw };
      const found = this.#sampling === 'host' ? this.#generateHere(tokens, order) : this.#generateThere(tokens, order);
      const before = this.#fed;
      let toFeed = tokens.length;
      let isBegun = false;
      try {
        for await (const { id, receipt } of found) {
          ledger.fed(toFeed, receipt);
          toFeed = 1;
          isBegun = true;
          yield { index: ledger.chose(id), id, receipt };
        }
      } finally {
        // A prompt without a token behind it was not fed.
        if (!isBegun) [this.#fed, this.#isInStep] = [before, false];
      }
    } finally {
      ledger.leave();
    }
  }

  async save(): Promise<SequenceState> {
    return await this.#ledger.during(() => Promise.reject(noStates()));
  }

  async restore(state: SequenceState): Promise<void> {
    this.#ledger.check(state);
    await this.#ledger.during(() => Promise.reject(noStates()));
  }

  async reset(): Promise<void> {
    await this.#ledger.during(() => {
      this.#fed = [];
      this.#isInStep = false;
      this.#ledger.reset();
      return Promise.resolve();
    });
  }

  close(): Promise<void> {
    if (this.#ledger.close()) this.#release();
    return Promise.resolve();
  }

  /** The board samples and sends its tokens unasked. */
  async *#generateThere(tokens: readonly number[], order: RunOrder): AsyncGenerator<Chosen> {
    const { maxTokens, firstIndex, signal } = order;
    /** Tokens that must be fed before the next one is chosen. */
    const known = [...this.#fed, ...tokens];
    const end = firstIndex + maxTokens;
    let next = firstIndex;
    try {
      for (;;) {
        const rest = { ...order, firstIndex: next, maxTokens: end - next };
        const event = await this.#persist(async (session) => await this.#nextOfRun(session, known, rest), signal);
        if (event === undefined) return;
        const { session } = this.#connection;
        const hasEnded = next > firstIndex && isEnd(this.#shape, known.at(-1)!);
        if (event.kind === 'token') {
          // The board goes on, because it knows one token that ends a text where the image has several.
          if (hasEnded) return;
          const { index, token: id, receipt } = event;
          if (index !== next) throw boardMalformed(session.name, `it sends token ${index} instead of ${next}`);
          this.#checkToken(session, id);
          next++;
          known.push(id);
          yield { id, receipt };
          continue;
        }
        this.#run = undefined;
        const { reason, nextIndex } = event;
        if (nextIndex !== next || !(next === end || hasEnded))
          throw boardMalformed(session.name, `it ends a run at ${nextIndex} for no reason (${reason})`);
        // The last token was sent, not fed.
        this.#fed = known.slice(0, -1);
        this.#isInStep = true;
        return;
      }
    } finally {
      if (this.#run !== undefined) await this.#cancel(known.slice(0, -1), signal);
    }
  }

  /** The board computes; this computer samples. */
  async *#generateHere(tokens: readonly number[], order: RunOrder): AsyncGenerator<Chosen> {
    const { maxTokens, sampler, firstIndex, signal, onPrompt } = order;
    const candidates = Math.min(candidatesNeeded(sampler), this.#shape.vocabSize);
    let next = tokens.at(-1)!;
    const before = tokens.slice(0, -1);
    for (let count = 0; count < maxTokens; count++) {
      if (signal?.aborted === true) return;
      const fed: readonly number[] = [...this.#fed, ...(count === 0 ? before : [])];
      const token = next;
      const step = await this.#persist(async (session) => {
        await this.#feed(session, fed, { signal, ...(count === 0 && { onPrompt }) });
        this.#isInStep = false;
        return await this.#step(session, token, false, candidates);
      }, signal);
      if (step === undefined) return;
      this.#fed = [...fed, token];
      this.#isInStep = true;
      const index = firstIndex + count;
      next = this.#sampler.chooseAmong(step.candidates, sampler, index);
      yield { id: next, receipt: step.receipt };
      if (isEnd(this.#shape, next)) return;
    }
  }

  /** What the board says next of the run, which is resumed in a new session, or started behind `known`. */
  async #nextOfRun(session: BoardSession, known: readonly number[], request: RunOrder): Promise<RunEvent> {
    const { firstIndex, signal } = request;
    if (this.#run !== undefined && this.#runSession !== session) {
      this.#runSession = session;
      await session.send(RESUME, { run: this.#run, index: firstIndex });
      const event = await session.nextRunEvent(this.#run, signal);
      if (event.kind === 'token' || event.reason !== END_REASON.unknownRun) return event;
      this.#run = undefined;
    }
    this.#run ??= await this.#startRun(session, known, request);
    this.#runSession = session;
    return await session.nextRunEvent(this.#run, signal);
  }

  /** Feeds all of `known` and starts a run behind it. @returns its number */
  async #startRun(session: BoardSession, known: readonly number[], request: RunOrder): Promise<number> {
    await this.#feed(session, known.slice(0, -1), request);
    this.#isInStep = false;
    return await this.#sendRun(session, known.slice(-1), request);
  }

  /** Makes the board's state that after `tokens`, which begin with what was fed already. */
  async #feed(session: BoardSession, tokens: readonly number[], watch: FeedWatch = {}): Promise<void> {
    let first = this.#fed.length;
    if (!this.#isInStep) {
      await session.stopForeignRun();
      await session.request(RESET, {}, DONE);
      first = 0;
    }
    this.#isInStep = false;
    const rest = tokens.slice(first);
    // A board need not know RUN if this computer samples.
    if (this.#sampling === 'host') await this.#feedBySteps(session, rest, watch);
    else await this.#feedByRuns(session, rest, watch);
    this.#fed = tokens.slice();
    this.#isInStep = true;
  }

  async #feedBySteps(session: BoardSession, tokens: readonly number[], { signal, onPrompt }: FeedWatch): Promise<void> {
    for (let start = 0; start < tokens.length; start += STEPS_AHEAD) {
      signal?.throwIfAborted();
      const chunk = tokens.slice(start, start + STEPS_AHEAD);
      await Promise.all(chunk.map(async (token) => await this.#step(session, token, false, 0)));
      onPrompt?.(start + chunk.length);
    }
  }

  async #feedByRuns(session: BoardSession, tokens: readonly number[], { signal, onPrompt }: FeedWatch): Promise<void> {
    const shown = onPrompt === undefined ? MAX_RUN_TOKENS : SHOWN_CHUNK;
    const most = Math.max(1, Math.min(session.hello.limits.promptTokens, shown));
    for (let start = 0; start < tokens.length; start += most) {
      const chunk = tokens.slice(start, start + most);
      const run = await this.#sendRun(session, chunk, { maxTokens: 0, sampler: GREEDY, firstIndex: 0 });
      try {
        while ((await session.nextRunEvent(run, signal)).kind !== 'ended');
      } catch (error) {
        if (signal?.aborted === true) await session.cancelRun(run, signal).catch(() => {});
        throw error;
      }
      onPrompt?.(start + chunk.length);
    }
  }

  /** Behind the present state. */
  async #sendRun(
    session: BoardSession,
    tokens: readonly number[],
    { maxTokens, firstIndex, sampler }: RunOrder,
  ): Promise<number> {
    const { topK, topP, invTemperature: inverseTemperature, seedLow, seedHigh } = sampler;
    const run = randomInt(2 ** 32);
    const seed = (BigInt(seedHigh) << 32n) | BigInt(seedLow);
    const settings = { topK, topP, inverseTemperature, seed };
    await session.send(RUN, { run, firstIndex, maxTokens, keep: 1, ...settings, tokens: Uint32Array.from(tokens) });
    return run;
  }

  /** The caller has seen enough, or all went wrong: what the board did meanwhile is not known. */
  async #cancel(fed: readonly number[], signal: AbortSignal | undefined): Promise<void> {
    const run = this.#run;
    this.#run = undefined;
    this.#fed = fed;
    this.#isInStep = false;
    if (run !== undefined) await this.#connection.session.cancelRun(run, signal).catch(() => {});
  }

  async #step(
    session: BoardSession,
    token: number,
    taps: boolean,
    candidates: number,
  ): Promise<{ receipt: number } & NonNullable<ReturnType<typeof partsOfStepped>>> {
    const answer = await session.request(STEP, { taps: taps ? 1 : 0, candidates, token }, STEPPED);
    const parts = partsOfStepped(answer, taps ? this.#shape.layers + 1 : 0, candidates);
    if (parts === undefined) throw boardMalformed(session.name, 'a STEPPED has more or less in it than asked for');
    parts.candidates.forEach(({ id, logit }, index) => {
      this.#checkToken(session, id);
      const before = parts.candidates[index - 1];
      const isSorted = before === undefined || before.logit > logit || (before.logit === logit && before.id < id);
      if (!isSorted) throw boardMalformed(session.name, 'the candidates of a STEPPED are not in their order');
    });
    return { receipt: answer.receipt, ...parts };
  }

  #checkToken(session: BoardSession, id: number): void {
    const { vocabSize } = this.#shape;
    if (id >= vocabSize) throw boardMalformed(session.name, `it gives token ${id} of a vocabulary of ${vocabSize}`);
  }

  /**
   * Does work over sessions, as long as the board has the same image; undefined when `signal` aborts.
   *
   * @param progress grows with what is done, for work that need not be done at once
   */
  async #persist<T>(
    work: (session: BoardSession) => Promise<T>,
    signal: AbortSignal | undefined,
    progress?: () => number,
  ): Promise<T | undefined> {
    const attempt = async (session: BoardSession): Promise<T | undefined> => {
      try {
        const { sha256 } = session.image;
        if (!sameBytes(sha256, this.#image)) throw otherImage(session.name, hexOf(sha256), hexOf(this.#image));
        return await work(session);
      } catch (error) {
        if (signal?.aborted === true) return undefined;
        throw error;
      }
    };
    return await this.#connection.persist(attempt, progress);
  }
}

/** A token and what it was chosen from. */
type Chosen = Omit<GeneratedToken, 'index'>;

function noStates(): RangeError {
  return new RangeError('this board neither gives nor takes states');
}
