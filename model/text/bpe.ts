/**
 * Byte-pair encoding: symbols → tokens, by joining pairs.
 *
 * As long as there is one, the leftmost pair of the lowest rank becomes one symbol. A heap of the pairs makes that
 * n log n, which matters where a whole text is one word, as in tokenizers of the SentencePiece kind.
 */

import { MinHeap } from './min-heap.js';

/** A pair of token ids and the token that it becomes. The rank is the place in the list. */
export interface Merge {
  readonly left: number;
  readonly right: number;
  readonly joined: number;
}

/** In the heap a pair is rank · POSITIONS + position, exact while there are at most 2^22 ranks. */
const POSITIONS = 2 ** 31;
export const MAX_MERGES: number = 2 ** 22;
const NONE = -1;

export class PairMerger {
  private readonly merges: readonly Merge[];
  private readonly vocabSize: number;
  /** Of a pair, as left · V + right. Of equal pairs the last one counts, as in the Rust library. */
  private readonly rankOf: ReadonlyMap<number, number>;

  /** @param merges at most `MAX_MERGES` */
  constructor(merges: readonly Merge[], vocabSize: number) {
    this.merges = merges;
    this.vocabSize = vocabSize;
    this.rankOf = new Map(merges.map(({ left, right }, rank) => [left * vocabSize + right, rank]));
  }

  /** The tokens that `symbols`, ids themselves, become. Overwrites `symbols`. */
  merge(symbols: number[]): number[] {
    const length = symbols.length;
    // A list through the symbols that are left; those that were joined to the one before are NONE.
    const next = new Int32Array(length);
    const previous = new Int32Array(length);
    const pairs = new MinHeap();
    for (let i = 0; i < length; i++) {
      next[i] = i + 1;
      previous[i] = i - 1;
    }
    const rankAt = (left: number): number | undefined =>
      next[left] < length ? this.rankOf.get(symbols[left] * this.vocabSize + symbols[next[left]]) : undefined;
    const add = (left: number): void => {
      const rank = rankAt(left);
      if (rank !== undefined) pairs.push(rank * POSITIONS + left);
    };

    for (let i = 0; i < length - 1; i++) add(i);
    for (let pair = pairs.pop(); pair !== undefined; pair = pairs.pop()) {
      const rank = Math.floor(pair / POSITIONS);
      const left = pair - rank * POSITIONS;
      // One of the two may have been joined to another since.
      if (symbols[left] === NONE || rankAt(left) !== rank) continue;
      const right = next[left];
      symbols[left] = this.merges[rank].joined;
      symbols[right] = NONE;
      next[left] = next[right];
      if (next[left] < length) previous[next[left]] = left;
      add(left);
      if (previous[left] >= 0) add(previous[left]);
    }
    return symbols.filter((symbol) => symbol !== NONE);
  }
}
