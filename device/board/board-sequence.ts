/** The sequence of a board. */

import { candidatesNeeded, Sampler } from '../../model/integer/sampler.js';
import { Ledger } from '../../model/machine/ledger.js';
import type {
  FeedOptions,
  GeneratedToken,
  GenerateRequest,
  Sequence,
  StepRecord,
} from '../../model/machine/machine.js';
import { isEnd } from '../../protocol/image/end-tokens.js';
import { exp2Table } from '../../protocol/image/tables.js';
import type { SequenceState } from '../../protocol/state/sequence-state.js';
import { MAX_RUN_TOKENS } from '../../protocol/wire/messages-run.js';
import { generateThere, type Chosen } from './board-run.js';
import { STEPS_AHEAD, type BoardText, type RunOrder } from './board-text.js';
import { ZERO_POINT } from './trail.js';

export class BoardSequence implements Sequence {
  readonly #text: BoardText;
  readonly #ledger: Ledger;
  readonly #release: () => void;
  readonly #sampler = new Sampler(exp2Table());

  constructor(text: BoardText, release: () => void) {
    this.#text = text;
    this.#ledger = new Ledger(text.shape);
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
      const { quiet, asked } = ledger.toFeedFor(tokens, want);
      for (let start = 0; start < quiet.length; start += MAX_RUN_TOKENS) {
        if (signal?.aborted === true) return;
        const isFed = await this.#feedQuietly(quiet.slice(start, start + MAX_RUN_TOKENS), signal);
        if (!isFed) return;
      }
      for (let start = 0; start < asked.length; start += STEPS_AHEAD) {
        if (signal?.aborted === true) return;
        yield* this.#feedForRecords(asked.slice(start, start + STEPS_AHEAD), want === 'taps', signal);
      }
    } finally {
      ledger.leave();
    }
  }

  /** @returns whether they were fed, and not aborted */
  async #feedQuietly(tokens: readonly number[], signal: AbortSignal | undefined): Promise<boolean> {
    const text = this.#text;
    const work = text.persist(async (session) => {
      await text.reach(session, tokens, { signal });
      return session;
    }, signal);
    let session;
    try {
      session = await work;
    } finally {
      if (session === undefined) text.leave();
    }
    if (session === undefined) return false;
    text.trail.push(tokens.map((token) => ({ token, receipt: undefined })));
    text.arrived(session);
    this.#ledger.fed(tokens.length);
    return true;
  }

  /** A few tokens, all under way at once. */
  async *#feedForRecords(
    tokens: readonly number[],
    taps: boolean,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<StepRecord> {
    const text = this.#text;
    const done = await text.persist(async (session) => {
      await text.reach(session, []);
      text.checkpoints?.pace.start();
      const steps = await Promise.all(tokens.map(async (token) => await text.step(session, token, taps, 0)));
      text.checkpoints?.pace.passed(tokens.length);
      return { session, steps };
    }, signal);
    if (done === undefined) return;
    for (const [index, { receipt, taps: tapped }] of done.steps.entries()) {
      const token = tokens[index]!;
      text.trail.push([{ token, receipt }]);
      this.#ledger.fed(1, receipt);
      if (index === tokens.length - 1) text.arrived(done.session);
      yield { token, receipt, ...(taps && { taps: Array.from(tapped) }) };
      if (signal?.aborted === true) return;
    }
  }

  async *generate(request: GenerateRequest): AsyncGenerator<GeneratedToken> {
    const [ledger, text] = [this.#ledger, this.#text];
    ledger.enter();
    try {
      const tokens = ledger.toRun(request);
      const { maxTokens, sampler, signal, onPrompt } = request;
      if (text.sampling === 'board') {
        const knowsRuns = await text.persist(async (session) => await session.stopForeignRun(), signal);
        if (knowsRuns === undefined) return;
        if (!knowsRuns) text.sampling = 'host';
      }
      const order = { maxTokens, sampler, signal, onPrompt, firstIndex: ledger.nextDraw };
      const found = text.sampling === 'host' ? this.#generateHere(tokens, order) : generateThere(text, tokens, order);
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
        if (!isBegun) text.leave();
      }
    } finally {
      ledger.leave();
    }
  }

  /** The board computes; this computer samples. */
  async *#generateHere(tokens: readonly number[], order: RunOrder): AsyncGenerator<Chosen> {
    const { maxTokens, sampler, firstIndex, signal, onPrompt } = order;
    const text = this.#text;
    const candidates = Math.min(candidatesNeeded(sampler), text.shape.vocabSize);
    let toFeed = tokens;
    for (let count = 0; count < maxTokens; count++) {
      if (signal?.aborted === true) return;
      const [before, token] = [toFeed.slice(0, -1), toFeed.at(-1)!];
      const done = await text.persist(async (session) => {
        await text.reach(session, before, { signal, ...(count === 0 && { onPrompt }) });
        text.checkpoints?.pace.start();
        const step = await text.step(session, token, false, candidates);
        text.checkpoints?.pace.passed(1);
        return { session, ...step };
      }, signal);
      if (done === undefined) return;
      const { session, receipt } = done;
      text.trail.push([...before.map((fed) => ({ token: fed, receipt: undefined })), { token, receipt }]);
      text.arrived(session);
      const next = this.#sampler.chooseAmong(done.candidates, sampler, firstIndex + count);
      toFeed = [next];
      yield { id: next, receipt };
      if (isEnd(text.shape, next)) return;
    }
  }

  async save(): Promise<SequenceState> {
    return await this.#ledger.during(async () => {
      const text = this.#text;
      const { checkpoints } = text;
      if (checkpoints === undefined) throw noStates();
      const { end } = text.trail;
      const point = await text.persist(async (session) => {
        await text.reach(session, []);
        text.arrived(session);
        return await checkpoints.readAt(session, end);
      });
      // A copy of its own: the words stay here as a checkpoint.
      return this.#ledger.state(new Int32Array(point?.words ?? []));
    });
  }

  async restore(state: SequenceState): Promise<void> {
    const [ledger, text] = [this.#ledger, this.#text];
    ledger.check(state);
    await ledger.during(async () => {
      if (text.checkpoints === undefined) throw noStates();
      const { trail } = text;
      const { position } = state;
      text.begin(position === 0 ? ZERO_POINT : { position, words: new Uint32Array(state.words) });
      try {
        await text.persist(async (session) => {
          await text.reach(session, []);
          text.arrived(session);
        });
      } catch (error) {
        text.trail = trail;
        text.leave();
        throw error;
      }
      ledger.restore(state);
    });
  }

  lastCopy(): Pick<SequenceState, 'position' | 'words'> | undefined {
    const { trail } = this.#text;
    const { position, words } = trail.pointBefore(trail.end);
    return words && { position, words: new Int32Array(words) };
  }

  async reset(): Promise<void> {
    await this.#ledger.during(() => {
      this.#text.begin(ZERO_POINT);
      this.#ledger.reset();
      return Promise.resolve();
    });
  }

  close(): Promise<void> {
    if (this.#ledger.close()) this.#release();
    return Promise.resolve();
  }
}

function noStates(): RangeError {
  return new RangeError('this board neither gives nor takes states');
}
