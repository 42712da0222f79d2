/**
 * The tables of docs/ARITHMETIC.md, section 3, from exact arithmetic: exp and 2^x in fixed point of 256 bits, so that
 * the rounding of every entry is proven and does not rest on a machine's `Math.exp`.
 */
import { at, floorDivide, magnitude, product16, within } from './primitives.js';

/** Fraction bits of the fixed point below; errors stay under 2^-230. */
const FRACTION = 256n;
const ONE = 2n ** FRACTION;

/** SIGMA[0 … 256], Q15. */
export const SIGMA: readonly bigint[] = sigmaReals().map((real) => {
  const rounded = roundHalfUp(real);
  return rounded > 32767n ? 32767n : rounded;
});

/** EXP2[0 … 255], Q15. */
export const EXP2: readonly bigint[] = exp2Reals().map(roundHalfUp);

/** σ(p) of section 3 with table `SIGMA`: p in Q11, 16 bits; the result in Q15, 1 … 32767. */
export function sigma(p: bigint): bigint {
  within('argument of σ', p, -32768n, 32767n);
  const a = magnitude(p) > 32767n ? 32767n : magnitude(p);
  const j = Number(a >> 7n);
  const r = a & 127n;
  const y = at(SIGMA, j) + ((product16(at(SIGMA, j + 1) - at(SIGMA, j), r) + 64n) >> 7n);
  return within('σ', p < 0n ? 32768n - y : y, 1n, 32767n);
}

/** Distance of the nearest entry of either table to a rounding tie, in units of the last place × 10^6, rounded down. */
export function closestTieMillionths(): bigint {
  const distances = [...sigmaReals(), ...exp2Reals()].map((real) => magnitude((real % ONE) - ONE / 2n));
  return distances.reduce((least, distance) => (distance < least ? distance : least)) / (ONE / 1_000_000n);
}

/** 32768 / (1 + exp(−j/16)) in fixed point. */
function sigmaReals(): bigint[] {
  const step = expOfMinusSixteenth();
  let power = ONE;
  return Array.from({ length: 257 }, () => {
    const real = (32768n * ONE * ONE) / (ONE + power);
    power = (power * step) / ONE;
    return real;
  });
}

/** 32768 · 2^(−j/256) in fixed point: 2^(−1/256) is the eighth square root in a row of ½. */
function exp2Reals(): bigint[] {
  let step = ONE / 2n;
  for (let squareRoots = 0; squareRoots < 8; squareRoots++) step = squareRoot(step * ONE);
  let power = ONE;
  return Array.from({ length: 256 }, () => {
    const real = 32768n * power;
    power = (power * step) / ONE;
    return real;
  });
}

/** exp(−1/16) by its series; the terms alternate and shrink 16-fold, 60 of them leave nothing. */
function expOfMinusSixteenth(): bigint {
  let term = ONE;
  let total = ONE;
  for (let k = 1n; k <= 60n; k++) {
    term = -term / (16n * k);
    total += term;
  }
  return total;
}

/** ⌊√a⌋ by Newton's method from above. */
function squareRoot(a: bigint): bigint {
  let root = 2n ** (BigInt(a.toString(2).length) / 2n + 1n);
  for (;;) {
    const next = (root + a / root) / 2n;
    if (next >= root) return root;
    root = next;
  }
}

function roundHalfUp(real: bigint): bigint {
  return floorDivide(2n * real + ONE, 2n * ONE);
}
