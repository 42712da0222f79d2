/**
 * Machines that compute on the calling thread, a token at a time: sequences take turns, and after each token the event
 * loop has its turn, so that Ctrl-C is heard.
 */
import { isEnd } from '../../protocol/image/end-tokens.js';
import type { ModelShape } from '../../protocol/image/model-shape.js';
import { stateWords, type SequenceState } from '../../protocol/state/sequence-state.js';
import { Sampler } from '../integer/sampler.js';
import { EventLoop } from './event-loop.js';
import { Ledger } from './ledger.js';
import type {
  FeedOptions,
  GeneratedToken,
  GenerateRequest,
  ImageIdentity,
  Machine,
  MachineFacts,
  Sequence,
  StepRecord,
  Want,
} from './machine.js';

/** What computes one token after the other. */
export interface TokenComputer {
  readonly shape: ModelShape;
  /** V × int32 of the last step. */
  readonly logits: Int32Array;
  /** L × H × int32: the state, between steps. Whoever writes into it goes on from there. */
  readonly state: Int32Array;
  /** Feeds a token; unless `wantLogits` is false, `logits` are those after it. */
  step(token: number, wantLogits?: boolean): void;
  /** As `step`; CRC-32 of the residual after the embedding and after each layer. */
  stepWithTaps(token: number): ArrayLike<number>;
  /** CRC-32 of the logits. */
  receipt(): number;
}

/** A {@link TokenComputer} as a machine. */
export class TurnTakingMachine implements Machine {
  readonly facts: MachineFacts;
  readonly #computer: TokenComputer;
  readonly #sampler: Sampler;
  /** Whose state the computer has. */
  #present: TurnTakingSequence | undefined;

  /** @param exp2 the image's EXP2 table, 256 × Q15 */
  constructor(kind: string, image: ImageIdentity, computer: TokenComputer, exp2: Uint16Array) {
    const can = { taps: true, logits: true, sampling: true, state: true, batches: false };
    this.facts = { name: kind, kind, shape: computer.shape, image, sequences: Infinity, can };
    this.#computer = computer;
    this.#sampler = new Sampler(exp2);
  }

  open(): Promise<Sequence> {
    const turn = (sequence: TurnTakingSequence): TokenComputer => this.#turnOf(sequence);
    return Promise.resolve(new TurnTakingSequence(this.facts.shape, turn, this.#sampler));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Gives the computer to a sequence, until it gives way to the event loop. */
  #turnOf(sequence: TurnTakingSequence): TokenComputer {
    if (this.#present !== sequence) {
      this.#present?.words.set(this.#computer.state);
      this.#computer.state.set(sequence.words);
      this.#present = sequence;
    }
    return this.#computer;
  }
}

class TurnTakingSequence implements Sequence {
  /** The state, while another sequence has the computer. */
  readonly words: Int32Array;
  readonly #ledger: Ledger;
  readonly #turn: (sequence: TurnTakingSequence) => TokenComputer;
  readonly #sampler: Sampler;

  constructor(shape: ModelShape, turn: (sequence: TurnTakingSequence) => TokenComputer, sampler: Sampler) {
    this.words = new Int32Array(stateWords(shape));
    this.#ledger = new Ledger(shape);
    this.#turn = turn;
    this.#sampler = sampler;
  }

  get position(): number {
    return this.#ledger.position;
  }

  async *feed(tokens: readonly number[], { want = 'receipts', signal }: FeedOptions = {}): AsyncGenerator<StepRecord> {
    const ledger = this.#ledger;
    ledger.enter();
    const loop = new EventLoop();
    try {
      const all = ledger.toFeed(tokens);
      const unasked = all.length - tokens.length;
      for (const [index, token] of all.entries()) {
        if (signal?.aborted === true) return;
        const record = this.#step(token, index < unasked ? 'nothing' : want);
        if (record !== undefined) yield record;
        await loop.turn();
      }
    } finally {
      loop.close();
      ledger.leave();
    }
  }

  async *generate(request: GenerateRequest): AsyncGenerator<GeneratedToken> {
    const ledger = this.#ledger;
    ledger.enter();
    const loop = new EventLoop();
    try {
      const { maxTokens, sampler, signal, onPrompt } = request;
      const tokens = ledger.toRun(request);
      for (const [index, token] of tokens.slice(0, -1).entries()) {
        if (signal?.aborted === true) return;
        this.#step(token, 'nothing');
        onPrompt?.(index + 1);
        await loop.turn();
      }
      let next = tokens[tokens.length - 1];
      for (let count = 0; count < maxTokens; count++) {
        if (signal?.aborted === true) return;
        const computer = this.#turn(this);
        computer.step(next);
        const receipt = computer.receipt();
        ledger.fed(1, receipt);
        next = this.#sampler.choose(computer.logits, sampler, ledger.nextDraw);
        yield { index: ledger.chose(next), id: next, receipt };
        if (isEnd(computer.shape, next)) return;
        await loop.turn();
      }
    } finally {
      loop.close();
      ledger.leave();
    }
  }

  async save(): Promise<SequenceState> {
    return await this.#ledger.during(() => Promise.resolve(this.#ledger.state(this.#turn(this).state.slice())));
  }

  async restore(state: SequenceState): Promise<void> {
    this.#ledger.check(state);
    await this.#ledger.during(() => {
      this.#turn(this).state.set(state.words);
      this.#ledger.restore(state);
      return Promise.resolve();
    });
  }

  async reset(): Promise<void> {
    await this.#ledger.during(() => {
      this.#turn(this).state.fill(0);
      this.#ledger.reset();
      return Promise.resolve();
    });
  }

  close(): Promise<void> {
    this.#ledger.close();
    return Promise.resolve();
  }

  #step(token: number, want: Want): StepRecord | undefined {
    const computer = this.#turn(this);
    const taps = want === 'taps' ? Array.from(computer.stepWithTaps(token)) : undefined;
    if (!taps) computer.step(token, want !== 'nothing');
    if (want === 'nothing') {
      this.#ledger.fed(1);
      return undefined;
    }
    const receipt = computer.receipt();
    this.#ledger.fed(1, receipt);
    // Another sequence may compute before the record is read.
    const logits = want === 'logits' ? computer.logits.slice() : undefined;
    return { token, receipt, ...(taps && { taps }), ...(logits && { logits }) };
  }
}
