/**
 * A machine that runs on the calling thread, a token at a time, as a backend; gives way to the event loop after each token, so that Ctrl-C is heard.
 */
import { setImmediate } from 'node:timers/promises';
import { isEnd } from '../../protocol/image/end-tokens.js';
import type { ModelShape } from '../../protocol/image/model-shape.js';
import { Sampler } from '../integer/sampler.js';
import type { Backend, GeneratedToken, GenerateRequest, StepRecord } from './backend.js';

/** What computes one token after the other. */
export interface TokenMachine {
  readonly shape: ModelShape;
  /** V × int32 of the last step. */
  readonly logits: Int32Array;
  /** Starts a new sequence. */
  reset(): void;
  /** Feeds a token; unless `wantLogits` is false, `logits` are those after it. */
  step(token: number, wantLogits?: boolean): void;
  /** As `step`; CRC-32 of the residual after the embedding and after each layer. */
  stepWithTaps(token: number): ArrayLike<number>;
  /** CRC-32 of the logits. */
  receipt(): number;
}

/** A {@link TokenMachine} as a backend. */
export class StepwiseBackend implements Backend {
  readonly name: string;
  readonly shape: ModelShape;
  readonly #machine: TokenMachine;
  readonly #sampler: Sampler;

  /** @param exp2 the image's EXP2 table, 256 × Q15 */
  constructor(name: string, machine: TokenMachine, exp2: Uint16Array) {
    this.name = name;
    this.shape = machine.shape;
    this.#machine = machine;
    this.#sampler = new Sampler(exp2);
  }

  reset(): Promise<void> {
    this.#machine.reset();
    return Promise.resolve();
  }

  async replay(
    tokens: readonly number[],
    options: { readonly taps: boolean; readonly signal?: AbortSignal },
    onStep: (record: StepRecord) => void,
  ): Promise<void> {
    for (const token of tokens) {
      if (options.signal?.aborted) return;
      const taps = options.taps ? Array.from(this.#machine.stepWithTaps(token)) : undefined;
      if (!taps) this.#machine.step(token);
      onStep({ token, receipt: this.#machine.receipt(), ...(taps && { taps }) });
      await setImmediate();
    }
  }

  async *generate(request: GenerateRequest): AsyncGenerator<GeneratedToken> {
    const { prompt, maxTokens, sampler, signal, firstIndex = 0, onPrompt } = request;
    const last = prompt.length - 1;
    for (let k = 0; k < last; k++) {
      if (signal?.aborted) return;
      this.#machine.step(prompt[k], false);
      onPrompt?.(k + 1);
      await setImmediate();
    }
    let next = prompt[last];
    for (let count = 0; count < maxTokens; count++) {
      if (signal?.aborted) return;
      this.#machine.step(next);
      const index = firstIndex + count;
      next = this.#sampler.choose(this.#machine.logits, sampler, index);
      yield { index, id: next, receipt: this.#machine.receipt() };
      if (isEnd(this.shape, next)) return;
      await setImmediate();
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
