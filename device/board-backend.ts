/**
 * A board as a backend: the same interface as the reference, so the same commands and the same comparison.
 *
 * What was fed to the board since the last reset is remembered here: when the wire breaks, a run goes on at its index if
 * the board still has it, and otherwise a new one starts behind the same tokens; the sampler counts by index, so the
 * result is the same.
 */

import { randomInt } from 'node:crypto';
import type { Backend, GeneratedToken, GenerateRequest, StepRecord } from '../model/backends/backend.js';
import { candidatesNeeded, Sampler } from '../model/integer/sampler.js';
import { hexOf } from '../protocol/hex.js';
import { isEnd } from '../protocol/image/end-tokens.js';
import { exp2Table } from '../protocol/image/tables.js';
import type { ModelShape } from '../protocol/image/model-shape.js';
import { sameBytes } from '../protocol/little-endian.js';
import type { SamplerSettings } from '../protocol/sampling.js';
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

export interface BoardBackendOptions {
  /** Who samples: the board itself if it can, or this computer from the candidates that the board sends. */
  readonly sampling?: 'board' | 'host';
  /** Tokens that end a text, if the image has several: a board tells one of them, and may know no other. */
  readonly eosTokenIds?: readonly number[];
}

/** Steps that are under way at a time. */
const STEPS_AHEAD = 16;

/** Tokens of a prompt in one request, where somebody wants to see how far it is: half a second's worth of a slow board. */
const SHOWN_CHUNK = 100;

/** Who waits for tokens that are fed. */
interface FeedWatch {
  readonly signal?: AbortSignal | undefined;
  readonly onPrompt?: GenerateRequest['onPrompt'] | undefined;
}

const GREEDY: SamplerSettings = { topK: 1, invTemperature: 0, topP: 32_768, seedLow: 0, seedHigh: 0 };

export class BoardBackend implements Backend {
  readonly name: string;
  readonly shape: ModelShape;
  readonly #connection: BoardConnection;
  #sampling: 'board' | 'host';
  readonly #sampler = new Sampler(exp2Table());
  /** SHA-256 of the image's seal. */
  readonly #image: Uint8Array;
  /** Tokens fed since the state was zero. */
  #fed: number[] = [];
  /** Whether the board's state is that after {@link #fed}. */
  #isInStep = false;
  /** The run that goes on. */
  #run: number | undefined;
  /** The session in which the board was asked for it. */
  #runSession: BoardSession | undefined;

  /** @throws BoardError `board-no-image` */
  constructor(connection: BoardConnection, { sampling = 'board', eosTokenIds }: BoardBackendOptions = {}) {
    const { session } = connection;
    const { image, hello } = session;
    this.#connection = connection;
    this.#sampling = sampling;
    this.#image = image.sha256;
    this.name = `${hello.board} ${hello.serial}`;
    this.shape = { ...image, ...(eosTokenIds && { eosTokenIds }) };
  }

  reset(): Promise<void> {
    this.#fed = [];
    this.#isInStep = false;
    return Promise.resolve();
  }

  async replay(
    tokens: readonly number[],
    options: { readonly taps: boolean; readonly signal?: AbortSignal },
    onStep: (record: StepRecord) => void,
  ): Promise<void> {
    let done = 0;
    const work = async (session: BoardSession): Promise<void> => {
      await this.#feed(session, this.#fed);
      while (done < tokens.length && options.signal?.aborted !== true) {
        const chunk = tokens.slice(done, done + STEPS_AHEAD);
        this.#isInStep = false;
        const steps = chunk.map(async (token) => await this.#step(session, token, options.taps, 0));
        for (const [index, step] of (await Promise.all(steps)).entries()) {
          const token = chunk[index]!;
          onStep({ token, receipt: step.receipt, ...(options.taps && { taps: Array.from(step.taps) }) });
        }
        this.#fed.push(...chunk);
        this.#isInStep = true;
        done += chunk.length;
      }
    };
    await this.#persist(work, options.signal, () => done);
  }

  async *generate(request: GenerateRequest): AsyncIterable<GeneratedToken> {
    if (this.#sampling === 'board') {
      const knowsRuns = await this.#persist(async (session) => await session.stopForeignRun(), request.signal);
      if (knowsRuns === undefined) return;
      if (!knowsRuns) this.#sampling = 'host';
    }
    yield* this.#sampling === 'host' ? this.#generateHere(request) : this.#generateThere(request);
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  /** The board samples and sends its tokens unasked. */
  async *#generateThere(request: GenerateRequest): AsyncGenerator<GeneratedToken> {
    const { prompt, maxTokens, firstIndex = 0, signal } = request;
    if (maxTokens === 0) return;
    /** Tokens that must be fed before the next one is chosen. */
    const known = [...this.#fed, ...prompt];
    const end = firstIndex + maxTokens;
    let next = firstIndex;
    try {
      for (;;) {
        const rest = { ...request, firstIndex: next, maxTokens: end - next };
        const event = await this.#persist(async (session) => await this.#nextOfRun(session, known, rest), signal);
        if (event === undefined) return;
        const { session } = this.#connection;
        const hasEnded = next > firstIndex && isEnd(this.shape, known.at(-1)!);
        if (event.kind === 'token') {
          // The board goes on, because it knows one token that ends a text where the image has several.
          if (hasEnded) return;
          const { index, token: id, receipt } = event;
          if (index !== next) throw boardMalformed(session.name, `it sends token ${index} instead of ${next}`);
          this.#checkToken(session, id);
          next++;
          known.push(id);
          yield { index, id, receipt };
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
      if (this.#run !== undefined) await this.#cancel(known.slice(0, next > firstIndex ? -1 : undefined), signal);
    }
  }

  /** The board computes; this computer samples. */
  async *#generateHere({
    prompt,
    maxTokens,
    sampler,
    firstIndex = 0,
    signal,
    onPrompt,
  }: GenerateRequest): AsyncGenerator<GeneratedToken> {
    const candidates = Math.min(candidatesNeeded(sampler), this.shape.vocabSize);
    let next = prompt.at(-1)!;
    const before = prompt.slice(0, -1);
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
      yield { index, id: next, receipt: step.receipt };
      if (isEnd(this.shape, next)) return;
    }
  }

  /** What the board says next of the run, which is resumed in a new session, or started behind `known`. */
  async #nextOfRun(session: BoardSession, known: readonly number[], request: GenerateRequest): Promise<RunEvent> {
    const { firstIndex = 0, signal } = request;
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
  async #startRun(session: BoardSession, known: readonly number[], request: GenerateRequest): Promise<number> {
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
      const run = await this.#sendRun(session, chunk, { maxTokens: 0, sampler: GREEDY });
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
    { maxTokens, firstIndex = 0, sampler }: Omit<GenerateRequest, 'prompt'>,
  ): Promise<number> {
    const { topK, topP, invTemperature: inverseTemperature, seedLow, seedHigh } = sampler;
    const run = randomInt(2 ** 32);
    const seed = (BigInt(seedHigh) << 32n) | BigInt(seedLow);
    const settings = { topK, topP, inverseTemperature, seed };
    await session.send(RUN, { run, firstIndex, maxTokens, keep: 1, ...settings, tokens: Uint32Array.from(tokens) });
    return run;
  }

  /** The caller has seen enough, or all went wrong: what the board did meanwhile is not known. */
  async #cancel(fed: number[], signal: AbortSignal | undefined): Promise<void> {
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
    const parts = partsOfStepped(answer, taps ? this.shape.layers + 1 : 0, candidates);
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
    const { vocabSize } = this.shape;
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
