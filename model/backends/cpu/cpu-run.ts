/** A run as its caller sees it: results in the order of their tokens, as they arrive. */
import type { LogitsArray, RunResults } from './cpu-messages.js';

/** One step's result. */
export interface StepResult {
  readonly id: number;
  readonly receipt: number;
  readonly taps?: readonly number[];
  readonly logits?: LogitsArray;
}

export class CpuRun {
  /** Quiet tokens that were fed, as far as it is known. */
  quiet = 0;
  /** Results that the caller has. */
  given = 0;
  /** Names it between the threads. */
  readonly number: number;
  readonly #tell: (seen: number, spent: readonly LogitsArray[]) => void;
  /** So many results are taken before it is told. */
  readonly #every: number;
  #told = 0;
  readonly #results: StepResult[] = [];
  /** Of the result that the caller has, and of those that it had. */
  #logits: LogitsArray | undefined;
  #spent: LogitsArray[] = [];
  #error: Error | undefined;
  #wake: (() => void) | undefined;

  /**
   * @param tell tells the thread how many results the caller has, and gives it back what nobody reads any more
   * @param window by how much it may be ahead
   */
  constructor(number: number, tell: (seen: number, spent: readonly LogitsArray[]) => void, window: number) {
    this.number = number;
    this.#tell = tell;
    this.#every = Math.max(1, window >> 2);
  }

  take({ quiet, ids, receipts, taps, logits }: RunResults): void {
    this.quiet = quiet;
    for (const [k, id] of ids.entries()) {
      this.#results.push({
        id,
        receipt: receipts[k],
        ...(taps && { taps: taps[k] }),
        ...(logits && { logits: logits[k] }),
      });
    }
    this.#wake?.();
  }

  fail(error: Error): void {
    this.#error = error;
    this.#wake?.();
  }

  /** The next result if it is there. @throws what the machine failed with */
  next(): StepResult | undefined {
    const result = this.#results.shift();
    if (result === undefined) {
      if (this.#error !== undefined) throw this.#error;
      return undefined;
    }
    this.given++;
    if (this.#logits !== undefined) this.#spent.push(this.#logits);
    this.#logits = result.logits;
    if (this.given - this.#told >= this.#every) {
      this.#told = this.given;
      this.#tell(this.given, this.#spent);
      this.#spent = [];
    }
    return result;
  }

  /** Waits for something to arrive: what is computed, or how much of a prompt, comes every few milliseconds. */
  async news(): Promise<void> {
    if (this.#results.length > 0 || this.#error !== undefined) return;
    await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#wake = undefined;
  }
}
