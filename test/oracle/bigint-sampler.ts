/**
 * The sampler of docs/ARITHMETIC.md, section 8, over BigInt: the whole candidate list in the open, step by step.
 */
import { at, floorDivide, mul15, sum, within } from './primitives.js';
import { EXP2 } from './tables.js';
import { threefry2x32 } from './threefry.js';

/** Settings as integers; the seed in two 32-bit halves. */
export interface OracleSamplerSettings {
  /** 1 … 64. */
  readonly topK: number;
  /** Q10, 0 for greedy. */
  readonly invTemperature: number;
  /** Q15, 1 … 32768. */
  readonly topP: number;
  readonly seedLow: number;
  readonly seedHigh: number;
}

/** invTemperature of a temperature in thousandths: 0, or 50 … 10000. */
export function oracleInvTemperature(thousandths: number): number {
  const t = BigInt(thousandths);
  return t === 0n ? 0 : Number(floorDivide(1_477_320n + t / 2n, t));
}

/** topP of a fraction in (0, 1]. */
export function oracleTopP(fraction: number): number {
  return Math.max(1, Math.floor(fraction * 32768 + 0.5));
}

/** The token id chosen from `logits` as number `index` of a run. */
export function oracleSample(logits: readonly bigint[], settings: OracleSamplerSettings, index: number): number {
  const candidates = logits
    .map((logit, id) => ({ logit, id }))
    .toSorted((left, right) => (left.logit === right.logit ? left.id - right.id : left.logit > right.logit ? -1 : 1))
    .slice(0, settings.topK);
  const best = at(candidates, 0);
  const invTemperature = BigInt(settings.invTemperature);
  if (invTemperature === 0n) return best.id;

  const w = candidates.map(({ logit }) => weight(best.logit - logit, invTemperature));
  const kept = settings.topP < 32768 ? nucleus(w, BigInt(settings.topP)) : w;
  const total = within('C[last]', sum(kept), 1n, 2n ** 22n - 1n);
  const threshold = floorDivide(total * randomQ15(settings, index), 2n ** 15n);
  return at(candidates, firstReaching(kept, threshold + 1n)).id;
}

/** 2^(−difference/temperature·log₂e) in Q15. */
function weight(difference: bigint, invTemperature: bigint): bigint {
  within('difference of logits', difference, 0n, 2n ** 31n - 1n);
  const d = difference < 2n ** 26n ? difference : 2n ** 26n - 1n;
  const y = mul15(within('d << 4', d << 4n, 0n, 2n ** 30n - 1n), invTemperature);
  const whole = y >> 11n;
  return at(EXP2, Number((y >> 3n) & 255n)) >> (whole < 31n ? whole : 31n);
}

/** The shortest head of `w` that holds the share topP of the whole. */
function nucleus(w: readonly bigint[], topP: bigint): bigint[] {
  return w.slice(0, firstReaching(w, mul15(sum(w), topP)) + 1);
}

/** The first j with w[0] + … + w[j] ≥ threshold. */
function firstReaching(w: readonly bigint[], threshold: bigint): number {
  let C = 0n;
  const found = w.findIndex((weightOfJ) => (C += weightOfJ) >= threshold);
  if (found < 0) throw new RangeError(`no sum of weights reaches ${threshold}`);
  return found;
}

function randomQ15({ seedLow, seedHigh }: OracleSamplerSettings, index: number): bigint {
  return threefry2x32([BigInt(seedLow), BigInt(seedHigh)], [BigInt(index), 0n])[0] >> 17n;
}
