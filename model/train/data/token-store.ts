/** Token ids of a text of any length, two bytes each where the vocabulary allows it; nothing is copied as it grows. */

/** What windows are cut from. Typed arrays are such sequences. */
export interface TokenSequence {
  readonly length: number;
  readonly subarray: (start: number, end: number) => ArrayLike<number>;
}

const BLOCK = 1 << 20;

export class TokenStore implements TokenSequence {
  readonly #isNarrow: boolean;
  readonly #block: number;
  readonly #blocks: (Uint16Array | Uint32Array)[] = [];
  #length = 0;

  /** @param vocabulary ids are below it @param block tokens of a piece of memory */
  constructor(vocabulary: number, block = BLOCK) {
    this.#block = block;
    this.#isNarrow = vocabulary <= 2 ** 16;
  }

  get length(): number {
    return this.#length;
  }

  push(ids: readonly number[]): void {
    for (const id of ids) {
      const at = this.#length++ % this.#block;
      if (at === 0) this.#blocks.push(this.#isNarrow ? new Uint16Array(this.#block) : new Uint32Array(this.#block));
      this.#blocks[this.#blocks.length - 1][at] = id;
    }
  }

  /** A copy. */
  subarray(start: number, end: number): Uint32Array {
    const ids = new Uint32Array(end - start);
    for (let at = start; at < end;) {
      const from = at % this.#block;
      const part = this.#blocks[(at - from) / this.#block].subarray(from, from + end - at);
      ids.set(part, at - start);
      at += part.length;
    }
    return ids;
  }
}
