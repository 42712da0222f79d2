/**
 * What every sequence knows of itself beside its words: position, receipt, chosen token, next draw; and that it does
 * one thing at a time.
 */
import type { ModelShape } from '../../protocol/image/model-shape.js';
import { stateProblem, type SequenceState } from '../../protocol/state/sequence-state.js';
import { impossibleState } from '../../protocol/state/state-error.js';
import type { GenerateRequest, Want } from './machine.js';

export class Ledger {
  readonly #shape: ModelShape;
  #position = 0;
  #lastReceipt: number | undefined;
  #chosen: number | undefined;
  #nextDraw = 0;
  #isBusy = false;
  #isClosed = false;

  constructor(shape: ModelShape) {
    this.#shape = shape;
  }

  get position(): number {
    return this.#position;
  }

  get nextDraw(): number {
    return this.#nextDraw;
  }

  /**
   * What has to be fed: the token that was chosen and not fed, then `tokens`.
   *
   * @throws RangeError for what is no token, and for more tokens than a sequence can have
   */
  toFeed(tokens: readonly number[]): readonly number[] {
    const { vocabSize } = this.#shape;
    for (const token of tokens) {
      if (!Number.isInteger(token) || token < 0 || token >= vocabSize) {
        throw new RangeError(`token ${token} is not an id of the vocabulary (0 … ${vocabSize - 1})`);
      }
    }
    if (this.#position + tokens.length >= 2 ** 32) throw new RangeError('a sequence has at most 2^32 − 1 tokens');
    return this.#chosen === undefined ? tokens : [this.#chosen, ...tokens];
  }

  /** As {@link toFeed}, in two parts: tokens of which no record is wanted, then those of which one is. */
  toFeedFor(
    tokens: readonly number[],
    want: Want,
  ): { readonly quiet: readonly number[]; readonly asked: readonly number[] } {
    const all = this.toFeed(tokens);
    const quiet = want === 'nothing' ? all.length : all.length - tokens.length;
    return { quiet: all.slice(0, quiet), asked: all.slice(quiet) };
  }

  /** As {@link toFeed}, for a run. @throws RangeError also if there is nothing to feed, or to choose */
  toRun({ prompt, maxTokens }: Pick<GenerateRequest, 'prompt' | 'maxTokens'>): readonly number[] {
    if (!(Number.isInteger(maxTokens) && maxTokens >= 1)) {
      throw new RangeError(`a run chooses at least one token, not ${maxTokens}`);
    }
    const tokens = this.toFeed(prompt);
    if (tokens.length === 0) throw new RangeError('a prompt has at least one token, where none was chosen before');
    return tokens;
  }

  /** So many tokens were fed, the last of them with this receipt. */
  fed(count: number, receipt?: number): void {
    if (count === 0) return;
    this.#position += count;
    this.#lastReceipt = receipt;
    this.#chosen = undefined;
  }

  /** A token was chosen from the logits after the last token fed. @returns the index of its draw */
  chose(id: number): number {
    this.#chosen = id;
    return this.#nextDraw++;
  }

  /** Of the present moment, with these words. */
  state(words: Int32Array): SequenceState {
    return {
      position: this.#position,
      lastReceipt: this.#lastReceipt,
      chosen: this.#chosen,
      nextDraw: this.#nextDraw,
      words,
    };
  }

  /** @throws StateError `state-impossible` */
  check(state: SequenceState): void {
    const problem = stateProblem(state, this.#shape);
    if (problem !== undefined) throw impossibleState(problem);
  }

  /** Goes on from a state that was checked. */
  restore({ position, lastReceipt, chosen, nextDraw }: Omit<SequenceState, 'words'>): void {
    this.#position = position;
    this.#lastReceipt = lastReceipt;
    this.#chosen = chosen;
    this.#nextDraw = nextDraw;
  }

  reset(): void {
    this.restore({ position: 0, lastReceipt: undefined, chosen: undefined, nextDraw: 0 });
  }

  /**
   * Begins to do something; {@link leave} must follow.
   *
   * @throws Error if something is done already, or the sequence is closed
   */
  enter(): void {
    if (this.#isClosed) throw new Error('this sequence is closed');
    if (this.#isBusy) throw new Error('a sequence does one thing at a time: the last iteration is not at its end');
    this.#isBusy = true;
  }

  leave(): void {
    this.#isBusy = false;
  }

  /** One thing, from its beginning to its end. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.enter();
    try {
      return await work();
    } finally {
      this.leave();
    }
  }

  /** @returns whether it was open */
  close(): boolean {
    const wasOpen = !this.#isClosed;
    this.#isClosed = true;
    return wasOpen;
  }
}
