/**
 * Log-probabilities from integer logits: natural logarithms of the softmax at temperature 1 over all V tokens, before
 * top-k and top-p.
 *
 * Logits are in Q12 (docs/ARITHMETIC.md, section 7), so the logarithm of a token's probability is l/4096 − ln Σ
 * exp(lᵢ/4096). It is computed in double precision, and only told: no token is chosen by it.
 */

/** What the logits said of a token. */
export interface Score {
  readonly id: number;
  /** Natural logarithm of its probability, at most 0. */
  readonly logprob: number;
  /** The likeliest tokens, the likeliest first, equal ones by lower id. */
  readonly top: readonly { readonly id: number; readonly logprob: number }[];
}

const ONE_Q12 = 4096;

/** Tokens that have their memory in one piece. */
const BLOCK = 64;

/** Of each token itself and the likeliest, `width` in all. */
interface Block {
  /** [64][width] */
  readonly ids: Uint32Array;
  /** [64][width] */
  readonly logprobs: Float64Array;
}

/**
 * What is told of one token after the other, in 12 bytes for each log-probability: as objects, the collector would move
 * them about again and again, and nobody is served meanwhile.
 */
export class Scores {
  readonly #top: number;
  readonly #blocks: Block[] = [];
  #width = 0;
  #length = 0;

  /** @param top how many of the likeliest are told of each token */
  constructor(top: number) {
    this.#top = top;
  }

  get length(): number {
    return this.#length;
  }

  /** @param logits V × int32, Q12 @param id the token that came */
  add(logits: Int32Array, id: number): void {
    const told = [id, ...largest(logits, this.#top)];
    this.#width = told.length;
    const row = this.#length++ % BLOCK;
    const size = BLOCK * this.#width;
    if (row === 0) this.#blocks.push({ ids: new Uint32Array(size), logprobs: new Float64Array(size) });
    const { ids, logprobs } = this.#blocks.at(-1)!;
    const logSum = logSumOf(logits);
    for (const [k, token] of told.entries()) {
      ids[row * this.#width + k] = token;
      logprobs[row * this.#width + k] = logits[token]! / ONE_Q12 - logSum;
    }
  }

  /** Undefined for one that was not added. */
  at(index: number): Score | undefined {
    if (index >= this.#length) return undefined;
    const { ids, logprobs } = this.#blocks[Math.floor(index / BLOCK)]!;
    const start = (index % BLOCK) * this.#width;
    const of = (k: number): Score['top'][number] => ({ id: ids[start + k]!, logprob: logprobs[start + k]! });
    return { ...of(0), top: Array.from({ length: this.#width - 1 }, (_, k) => of(1 + k)) };
  }
}

/** The logarithm of the sum of all exponentials. */
function logSumOf(logits: Int32Array): number {
  let most = logits[0]!;
  for (const logit of logits) if (logit > most) most = logit;
  let sum = 0;
  for (const logit of logits) sum += Math.exp((logit - most) / ONE_Q12);
  return most / ONE_Q12 + Math.log(sum);
}

/** Ids of the largest logits, the largest first, equal ones by lower id. */
function largest(logits: Int32Array, count: number): number[] {
  const ids: number[] = [];
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id]!;
    if (ids.length === count && (count === 0 || logit <= logits[ids.at(-1)!]!)) continue;
    if (ids.length === count) ids.pop();
    let slot = ids.length;
    while (slot > 0 && logits[ids[slot - 1]!]! < logit) slot--;
    ids.splice(slot, 0, id);
  }
  return ids;
}
