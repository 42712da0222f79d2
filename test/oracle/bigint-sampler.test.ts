import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { oracleInvTemperature, oracleSample, oracleTopP } from './bigint-sampler.js';
import type { OracleSamplerSettings } from './bigint-sampler.js';

const GREEDY = { topK: 40, invTemperature: 0, topP: 32768, seedLow: 1, seedHigh: 2 };
const WARM = { ...GREEDY, invTemperature: oracleInvTemperature(1000) };
/** Q12 logits with probabilities ½, ¼, ¼ at temperature 1: ln 2 is 2839 in Q12. */
const HALF_AND_QUARTERS = [0n, 2839n, 0n];

/** How often each id comes in 4,000 draws. */
function frequencies(logits: readonly bigint[], settings: OracleSamplerSettings): number[] {
  const counts = logits.map(() => 0);
  for (let index = 0; index < 4000; index++) {
    const id = oracleSample(logits, settings, index);
    counts[id] = (counts[id] ?? 0) + 1;
  }
  return counts.map((count) => count / 4000);
}

describe('settings of section 8', () => {
  it.each([
    [0, 0],
    [50, 29546],
    [700, 2110],
    [1000, 1477],
    [10_000, 148],
  ])('temperature %i/1000 becomes %i', (thousandths, expected) => {
    expect(oracleInvTemperature(thousandths)).toBe(expected);
  });

  it.each([
    [1, 32768],
    [0.9, 29491],
    [1e-9, 1],
  ])('top-p %f becomes %i', (fraction, expected) => {
    expect(oracleTopP(fraction)).toBe(expected);
  });
});

describe('the sampler of section 8', () => {
  it('chooses the largest logit greedily, the lowest id of equals', () => {
    expect(oracleSample([3n, 9n, 9n, -5n], GREEDY, 0)).toBe(1);
  });

  it('draws with the frequencies of the softmax', () => {
    const [quarter = 0, half = 0, other = 0] = frequencies(HALF_AND_QUARTERS, WARM);
    expect(half).toBeCloseTo(0.5, 1);
    expect(quarter).toBeCloseTo(0.25, 1);
    expect(other).toBeCloseTo(0.25, 1);
  });

  it('keeps the first of equal candidates when top-k cuts between them', () => {
    expect(frequencies(HALF_AND_QUARTERS, { ...WARM, topK: 2 })[2]).toBe(0);
  });

  it('keeps candidates until top-p is reached and no longer', () => {
    expect(frequencies(HALF_AND_QUARTERS, { ...WARM, topP: oracleTopP(0.4) })).toEqual([0, 1, 0]);
    expect(frequencies(HALF_AND_QUARTERS, { ...WARM, topP: oracleTopP(0.6) })[2]).toBe(0);
  });

  it('finds a token for any logits and settings, the most likely one if only one is kept', () => {
    const logit = fc.bigInt({ min: -(2n ** 30n), max: 2n ** 30n - 1n });
    const word = fc.nat(2 ** 32 - 1);
    const settings = fc.record({
      topK: fc.integer({ min: 1, max: 64 }),
      invTemperature: fc.integer({ min: 148, max: 29546 }),
      topP: fc.integer({ min: 1, max: 32768 }),
      seedLow: word,
      seedHigh: word,
    });
    fc.assert(
      fc.property(fc.array(logit, { minLength: 2, maxLength: 100 }), settings, word, (logits, drawn, index) => {
        expect(logits[oracleSample(logits, drawn, index)]).toBeDefined();
        expect(oracleSample(logits, { ...drawn, topK: 1 }, index)).toBe(
          oracleSample(logits, { ...drawn, invTemperature: 0 }, index),
        );
      }),
    );
  });

  it('chooses the same for the same seed and index and differs for others', () => {
    const draws = (seedLow: number, seedHigh: number): number[] =>
      Array.from({ length: 40 }, (_, index) => oracleSample([0n, 0n, 0n, 0n], { ...WARM, seedLow, seedHigh }, index));
    expect(draws(1, 2)).toEqual(draws(1, 2));
    expect(draws(1, 2)).not.toEqual(draws(1, 3));
    expect(draws(1, 2)).not.toEqual(draws(2, 2));
    expect(new Set(draws(1, 2)).size).toBe(4);
  });
});
