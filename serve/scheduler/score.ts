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

/** @param logits V × int32, Q12 @param id the token that came @param top how many of the likeliest are told */
export function scoreOf(logits: Int32Array, id: number, top: number): Score {
  let most = logits[0]!;
  for (const logit of logits) if (logit > most) most = logit;
  let sum = 0;
  for (const logit of logits) sum += Math.exp((logit - most) / ONE_Q12);
  const logSum = most / ONE_Q12 + Math.log(sum);
  const of = (token: number): { id: number; logprob: number } => ({
    id: token,
    logprob: logits[token]! / ONE_Q12 - logSum,
  });
  return { ...of(id), top: largest(logits, top).map(of) };
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
