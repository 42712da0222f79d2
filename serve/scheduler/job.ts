/**
 * A text that is to be computed, wherever and whenever: what it begins with, what came of it, and where it stands, so
 * that it can be taken from a machine and go on at another one.
 */
import type { SamplerSettings } from '../../protocol/sampling.js';
import type { TextPiece } from '../../model/text/running-text.js';
import type { SequenceState } from '../../protocol/state/sequence-state.js';
import { machineDiffers } from '../api-error.js';
import { Scores, type Score } from './score.js';

/** A text that was told: its receipts are computed again, not its tokens chosen. */
export interface Told {
  /** Those behind the prompt, at least one. */
  readonly tokens: readonly number[];
  /** Index of the first draw, if what would be chosen is to be computed too. */
  readonly draw: number | undefined;
}

/** What is asked of the scheduler. */
export interface Work {
  /** The state that it goes on from; the state zero unless given. */
  readonly start?: SequenceState | undefined;
  /** Token ids that are fed first, below V; at least one unless `start` has a chosen token. */
  readonly prompt: readonly number[];
  /** Tokens to choose at most; 0 only feeds. */
  readonly maxTokens: number;
  /** Gets each token that is chosen, once and in order; nothing is wanted behind its end, as behind a stop string. */
  readonly text?: { push(id: number): TextPiece } | undefined;
  /** Its state behind the last token is wanted. */
  readonly keepsState?: boolean | undefined;
  readonly sampler: SamplerSettings;
  /** How many of the likeliest tokens are told beside each chosen one; no log-probabilities unless given. */
  readonly top?: number | undefined;
  /** Also those of the prompt. */
  readonly scoresPrompt?: boolean | undefined;
  /** The text is this one, and is only followed. */
  readonly told?: Told | undefined;
  /** It computes again what machines of these names computed: another one does, and nothing that is known is used. */
  readonly auditOf?: ReadonlySet<string> | undefined;
  /** Kinds of machines that may compute it; all unless given. */
  readonly on?: readonly string[] | undefined;
  /** Whose it is: places are shared fairly among those. */
  readonly owner: string;
  /** A higher one goes first, and takes the place of a lower one. */
  readonly priority: number;
  /** Ends it, also while it waits. */
  readonly signal: AbortSignal;
}

/** One token that was chosen. */
export interface GivenToken {
  /** Index of its draw. */
  readonly index: number;
  readonly id: number;
  /** CRC-32 of the logits that it was chosen from. */
  readonly receipt: number;
  /** Who computed it. */
  readonly machine: string;
}

/** One that counts. */
export interface ToldToken extends GivenToken {
  /** What it says; absent where no text is wanted. */
  readonly piece?: TextPiece | undefined;
}

/** Takes what comes, until the job is taken away from this machine. */
export interface Receiver {
  /**
   * @param logits that it was chosen from, where log-probabilities are wanted: V × int32, Q12
   * @returns whether nothing is wanted behind it
   */
  token(token: GivenToken, logits?: Int32Array): boolean;
  /** What the logits in front of a token of the prompt say of it; of each one behind the first, in order. */
  promptToken(id: number, logits: Int32Array): void;
}

export class Job {
  readonly work: Work;
  /** Order of arrival. */
  readonly number: number;
  readonly arrivedMs: number;
  readonly given: ToldToken[] = [];
  /** Of the tokens of the prompt behind its first one; another list each time that they are computed. */
  promptScores: Scores;
  /** Where it goes on: a state, and how many tokens of the prompt, and of those that were given, it is behind. */
  state: SequenceState | undefined;
  /** The machine that saved it, of a job that was taken from one. */
  stateFrom = '';
  fed = 0;
  covered = 0;
  /** Tokens of the prompt that were not fed, because a state behind them was known. */
  found = 0;
  /** At its end, where it is wanted. */
  final: SequenceState | undefined;
  /** Who computes it, or did last. */
  machine = '';
  /** When it got a place first. */
  startedMs: number | undefined;
  /** Machines that were lost under it. */
  losses = 0;
  readonly #scores: Scores;
  #taken = 0;
  #isDone = false;
  #isWhole = false;
  #error: Error | undefined;
  #wake = (): void => {};

  constructor(work: Work, number: number) {
    this.work = work;
    this.number = number;
    this.arrivedMs = performance.now();
    this.state = work.start;
    this.#scores = new Scores(work.top ?? 0);
    this.promptScores = new Scores(work.top ?? 0);
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** Whether its last token was given. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** Whether it can be taken from a machine and go on elsewhere from its state. */
  get isMovable(): boolean {
    return this.work.top === undefined && this.work.told === undefined;
  }

  /**
   * A token came. After a machine was lost, those that were given already come again, from another one, and must be the
   * same.
   *
   * @param logits as a {@link Receiver} has them
   * @returns whether nothing is wanted behind it
   * @throws ApiError `machine_differs`
   */
  give(token: GivenToken, logits?: Int32Array): boolean {
    const at = this.#placeOf(token);
    const before = this.given[at];
    if (before === undefined) {
      const piece = this.work.text?.push(token.id);
      this.given.push({ ...token, piece });
      if (logits !== undefined) this.#scores.add(logits, token.id);
      this.#isWhole = this.given.length === this.work.maxTokens || piece?.end !== undefined;
      this.#wake();
    } else if (before.receipt !== token.receipt || before.id !== token.id) {
      throw machineDiffers(before.machine, token.machine, token.index);
    }
    return this.#isWhole && at === this.given.length - 1;
  }

  /** Undefined where no log-probabilities are wanted. @param token one that was given */
  scoreOf(token: GivenToken): Score | undefined {
    return this.#scores.at(this.#placeOf(token));
  }

  #placeOf({ index }: GivenToken): number {
    return index - (this.work.start?.nextDraw ?? 0);
  }

  /** It begins again where it began: its state is not to be trusted. */
  restart(): void {
    this.state = this.work.start;
    this.fed = 0;
    this.covered = 0;
  }

  /** Nothing more comes: it is whole, or was aborted. */
  end(): void {
    this.#isDone = true;
    this.#wake();
  }

  /** Resolves at its end. @throws what it failed with */
  async ended(): Promise<void> {
    while (!this.#isDone) await new Promise<void>((resolve) => (this.#wake = resolve));
    if (this.#error !== undefined) throw this.#error;
  }

  fail(error: Error): void {
    this.#error ??= error;
    this.end();
  }

  /**
   * All tokens that came since the last call, as soon as there is one; an empty list at the end. Whoever is slow gets
   * many at once, and nobody waits for him.
   *
   * @throws what the job failed with, behind the tokens that came before
   */
  async take(): Promise<readonly ToldToken[]> {
    while (this.#taken === this.given.length && !this.#isDone) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    const tokens = this.given.slice(this.#taken);
    this.#taken = this.given.length;
    if (tokens.length === 0 && this.#error !== undefined) throw this.#error;
    return tokens;
  }
}
