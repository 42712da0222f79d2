/**
 * The integer reference as a backend: what every other backend is compared with.
 */
import { setImmediate } from 'node:timers/promises';
import type { ModelShape } from '../../protocol/image/model-shape.js';
import type { Backend, GeneratedToken, GenerateRequest, StepRecord } from './backend.js';
import { IntegerModel } from '../integer/integer-model.js';
import type { ModelWeights } from '../integer/model-weights.js';
import { Sampler } from '../integer/sampler.js';

/** Runs the integer model on the calling thread; gives way to the event loop after each token, so that Ctrl-C is heard. */
export class ReferenceBackend implements Backend {
  readonly name = 'reference';
  readonly shape: ModelShape;
  readonly #model: IntegerModel;
  readonly #sampler: Sampler;

  constructor(weights: ModelWeights) {
    this.shape = weights.shape;
    this.#model = new IntegerModel(weights);
    this.#sampler = new Sampler(weights.exp2);
  }

  reset(): Promise<void> {
    this.#model.reset();
    return Promise.resolve();
  }

  async replay(
    tokens: readonly number[],
    options: { readonly taps: boolean; readonly signal?: AbortSignal },
    onStep: (record: StepRecord) => void,
  ): Promise<void> {
    for (const token of tokens) {
      if (options.signal?.aborted) return;
      const taps = options.taps ? Array.from(this.#model.stepWithTaps(token)) : undefined;
      if (!taps) this.#model.step(token);
      onStep({ token, receipt: this.#model.receipt(), ...(taps && { taps }) });
      await setImmediate();
    }
  }

  async *generate(request: GenerateRequest): AsyncGenerator<GeneratedToken> {
    const { prompt, maxTokens, sampler, signal, firstIndex = 0 } = request;
    const last = prompt.length - 1;
    for (let k = 0; k < last; k++) {
      if (signal?.aborted) return;
      this.#model.step(prompt[k], false);
      await setImmediate();
    }
    let next = prompt[last];
    for (let count = 0; count < maxTokens; count++) {
      if (signal?.aborted) return;
      this.#model.step(next);
      const index = firstIndex + count;
      next = this.#sampler.choose(this.#model.logits, sampler, index);
      yield { index, id: next, receipt: this.#model.receipt() };
      if (next === this.shape.eosTokenId) return;
      await setImmediate();
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
