/** A seeded generator for test data: SplitMix32, 2^32 numbers of period, no state but one word. */

/** Deterministic pseudo-random numbers; the same seed gives the same sequence on every machine. */
export class Prng {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** 0 … 2^32 − 1. */
  next(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let word = this.#state;
    word = Math.imul(word ^ (word >>> 16), 0x21f0aaad);
    word = Math.imul(word ^ (word >>> 15), 0x735a2d97);
    return (word ^ (word >>> 15)) >>> 0;
  }

  /** low … high, both included, integers less than 2^32 apart. */
  between(low: number, high: number): number {
    return low + Math.floor((this.next() / 2 ** 32) * (high - low + 1));
  }

  /** −1 … 1, nearly normal in shape, standard deviation ⅓. */
  bell(): number {
    return (this.next() + this.next() + this.next()) / (1.5 * 2 ** 32) - 1;
  }
}
