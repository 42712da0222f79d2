/**
 * A run on the board: feeds its prompt, samples, and keeps its tokens, so that a host that went away can have them
 * again. docs/PROTOCOL.md, section 5.
 */

import type { Sampler } from '../../model/integer/sampler.js';
import type { BoardModel } from './image-store.js';
import type { SamplerSettings } from '../../protocol/sampling.js';
import { isEnd } from '../../protocol/image/end-tokens.js';
import { END_REASON } from '../../protocol/wire/messages-run.js';

/** What a host asks for. */
export interface RunRequest {
  readonly run: number;
  readonly firstIndex: number;
  readonly maxTokens: number;
  readonly settings: SamplerSettings;
  readonly prompt: Uint32Array;
}

export interface RunToken {
  readonly index: number;
  readonly token: number;
  /** CRC-32 of the logits that it was chosen from. */
  readonly receipt: number;
}

/** The model a run works with. */
interface Machine {
  readonly model: BoardModel;
  readonly sampler: Sampler;
}

/** Tokens that a host can ask for again. */
const KEPT_TOKENS = 4096;
/** A run waits when so many of its tokens are not sent. */
const UNSENT_TOKENS = 64;

export class Run {
  readonly id: number;
  readonly #request: RunRequest;
  readonly #machine: Machine;
  /** Prompt tokens fed so far. */
  #fed = 0;
  /** The last tokens, at most {@link KEPT_TOKENS}; token n at place n modulo that. */
  readonly #kept: RunToken[] = [];
  #nextIndex: number;
  #nextToSend: number;
  #endReason: number | undefined;
  #isAttached = true;

  constructor(request: RunRequest, machine: Machine) {
    this.id = request.run;
    this.#request = request;
    this.#machine = machine;
    this.#nextIndex = request.firstIndex;
    this.#nextToSend = request.firstIndex;
  }

  /** Whether the run works with this model. */
  isOf(model: BoardModel | undefined): boolean {
    return this.#machine.model === model;
  }

  /** Index that the next token will have. */
  get nextIndex(): number {
    return this.#nextIndex;
  }

  /** One of `END_REASON`; undefined while it goes on. */
  get endReason(): number | undefined {
    return this.#endReason;
  }

  /** Whether the present session gets what the run has still to say. */
  get isAttached(): boolean {
    return this.#isAttached;
  }

  /** Whether {@link work} has to wait until tokens are sent. */
  get isWaiting(): boolean {
    return this.#endReason === undefined && this.#nextIndex - this.#nextToSend >= UNSENT_TOKENS;
  }

  /** Whether {@link work} has something to do. */
  get isWorking(): boolean {
    return this.#endReason === undefined && !this.isWaiting;
  }

  /** The next token to send; undefined if there is none, or nobody who wants it. */
  get unsent(): RunToken | undefined {
    return this.#isAttached && this.#nextToSend < this.#nextIndex
      ? this.#kept[this.#nextToSend % KEPT_TOKENS]
      : undefined;
  }

  /** Whether a host wants the run and has all its tokens and not yet its end. */
  get isEndDue(): boolean {
    return this.#isAttached && this.#endReason !== undefined && this.#nextToSend === this.#nextIndex;
  }

  /** The token of {@link unsent}, or the end, was sent. */
  sent(): void {
    if (this.#nextToSend < this.#nextIndex) this.#nextToSend++;
    else this.#isAttached = false;
  }

  /** The host is gone: nothing is sent until {@link resume}. */
  detach(): void {
    this.#isAttached = false;
  }

  /** Sends from token `index` on again. False if that is not kept, or not reached. */
  resume(index: number): boolean {
    const oldest = Math.max(this.#request.firstIndex, this.#nextIndex - KEPT_TOKENS);
    if (index < oldest || index > this.#nextIndex) return false;
    this.#nextToSend = index;
    this.#isAttached = true;
    return true;
  }

  /** Ends the run; its end is sent without the tokens that were not. */
  cancel(): void {
    this.#endReason ??= END_REASON.cancelled;
    this.#nextToSend = this.#nextIndex;
    this.#isAttached = true;
  }

  /** Feeds one token and, behind the prompt, samples one. */
  work(): void {
    const { prompt, maxTokens, firstIndex, settings } = this.#request;
    const { model, sampler } = this.#machine;
    if (this.#fed < prompt.length) {
      const isLast = this.#fed === prompt.length - 1;
      model.step(prompt[this.#fed++]!, isLast && maxTokens > 0);
      if (!isLast) return;
      if (maxTokens === 0) {
        this.#endReason = END_REASON.maxTokens;
        return;
      }
    } else {
      model.step(this.#kept[(this.#nextIndex - 1) % KEPT_TOKENS]!.token);
    }
    const index = this.#nextIndex++;
    const token = sampler.choose(model.logits, settings, index);
    this.#kept[index % KEPT_TOKENS] = { index, token, receipt: model.receipt() };
    if (isEnd(model.shape, token)) this.#endReason = END_REASON.endOfText;
    else if (this.#nextIndex - firstIndex === maxTokens) this.#endReason = END_REASON.maxTokens;
  }
}
