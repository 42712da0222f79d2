/** How long a run takes: its prompt, and what is generated behind it, which are different work and so timed apart. */
import type { JsonObject, Output } from '../../output.js';
import type { Progress } from '../../progress.js';
import { counted } from '../../../protocol/counted.js';

/** A shorter prompt is done before anybody has read how far it is. */
const PROGRESS_AFTER_MS = 500;

/**
 * The first token is chosen from what the prompt's last token gave, so it ends the prompt's time; generation is every
 * token behind it.
 */
export class RunTimer {
  tokens = 0;
  readonly #promptTokens: number;
  readonly #output: Output;
  #startMs = NaN;
  #firstMs = NaN;
  #endMs = NaN;
  #progress: Progress | undefined;

  constructor(promptTokens: number, output: Output) {
    this.#promptTokens = promptTokens;
    this.#output = output;
  }

  start(): void {
    this.#startMs = performance.now();
  }

  /** So many tokens of the prompt are done. */
  fed(tokens: number): void {
    if (performance.now() - this.#startMs < PROGRESS_AFTER_MS) return;
    if (this.#progress === undefined) {
      this.#progress = this.#output.progress({ label: 'prompt', unit: 'tokens', total: this.#promptTokens });
      this.#progress.begin(tokens);
    }
    this.#progress.update(tokens);
  }

  token(): void {
    if (++this.tokens > 1) return;
    this.#firstMs = performance.now();
    this.#progress?.end();
  }

  end(): void {
    this.#endMs = performance.now();
    this.#progress?.end();
  }

  /** Tokens behind the first one a second; null if there is none. */
  get #tokensPerSecond(): number | null {
    return this.tokens > 1 ? ((this.tokens - 1) * 1000) / (this.#endMs - this.#firstMs) : null;
  }

  get #promptSeconds(): number | null {
    return this.tokens > 0 ? (this.#firstMs - this.#startMs) / 1000 : null;
  }

  /** `9 tokens, 210.3 tokens/s on gpu, behind a prompt of 5 tokens in 0.02 s`. */
  words(backend: string): string {
    const [rate, seconds] = [this.#tokensPerSecond, this.#promptSeconds];
    const speed = rate === null ? '' : `, ${rate.toFixed(1)} tokens/s`;
    const prompt =
      seconds === null || this.#promptTokens === 0
        ? ''
        : `, behind a prompt of ${this.#promptTokens} in ${seconds.toFixed(2)} s`;
    return `${counted(this.tokens, 'token')}${speed} on ${backend}${prompt}`;
  }

  facts(): JsonObject {
    return {
      tokens: this.tokens,
      prompt_tokens: this.#promptTokens,
      prompt_seconds: this.#promptSeconds,
      seconds: (this.#endMs - this.#startMs) / 1000,
      tokens_per_second: this.#tokensPerSecond,
    };
  }
}
