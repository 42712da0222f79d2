/**
 * Random words of test vectors: Threefry-2x32 with the key (seed, 0) and a running counter, the same on every machine.
 */

import { threefry } from '../threefry.js';

export class Words {
  readonly #seed: number;
  #counter = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** Signed, with a random number of significant bits, so that small and large values are equally likely. */
  signed(bits: number): number {
    const shift = 32 - bits + (this.unsigned() % bits);
    return this.#next() >> shift;
  }

  unsigned(): number {
    return this.#next() >>> 0;
  }

  /** 0 … `count` − 1. */
  below(count: number): number {
    return this.unsigned() % count;
  }

  #next(): number {
    return threefry(this.#seed, 0, this.#counter++, 0) | 0;
  }
}

/** Two's complement with `digits` hexadecimal digits. */
export function hex(value: number, digits: number): string {
  return (value >>> 0).toString(16).padStart(8, '0').slice(-digits);
}
