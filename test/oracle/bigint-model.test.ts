/**
 * Runs over plausible and extreme models; that nothing throws is the test of every bound in docs/ARITHMETIC.md, section
 * 6.
 */
import { describe, expect, it } from 'vitest';

import { BigIntModel } from './bigint-model.js';
import type { ModelEvents } from './bigint-model.js';
import { crc32OfInt32 } from './crc32.js';
import { EXTREME_MODELS, WIDE_HEAD_MODEL, randomModel } from './random-model.js';
import type { ModelRecipe } from './random-model.js';

const TOKENS = [1, 0, 3, 2, 1];

/** Feeds tokens; ids wrap at V. */
function run(
  recipe: ModelRecipe,
  seed: number,
  tokens: readonly number[] = TOKENS,
): { model: BigIntModel; logits: bigint[][] } {
  const sections = randomModel(seed, recipe);
  const model = new BigIntModel(sections);
  return { model, logits: tokens.map((token) => model.step(token % sections.shape.vocabSize).logits) };
}

describe('the BigInt model', () => {
  it('starts again after a reset', () => {
    const model = new BigIntModel(randomModel(11));
    const first = TOKENS.map((token) => model.step(token));
    const continued = model.step(TOKENS[0] ?? 0);
    model.reset();
    expect(TOKENS.map((token) => model.step(token))).toEqual(first);
    expect(continued.receipt).not.toBe(first[0]?.receipt);
  });

  it('reports the CRCs of what it returns, one residual more than layers', () => {
    const { logits, receipt, residuals, taps } = new BigIntModel(randomModel(12)).step(7);
    expect([logits.length, residuals.length, taps.length]).toEqual([53, 3, 3]);
    expect(receipt).toBe(crc32OfInt32(logits));
    expect(taps).toEqual(residuals.map(crc32OfInt32));
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('saturates nowhere on the plausible model of seed %i', (seed) => {
    const { model, logits } = run({}, seed);
    expect(Object.values(model.events).every((count) => count === 0)).toBe(true);
    expect(new Set(logits.flat()).size).toBeGreaterThan(100);
  });

  it('keeps every bound on extreme models, and every saturation happens in some', () => {
    const totals = new Map<string, number>();
    for (const [title, recipe] of [...Object.entries(EXTREME_MODELS), ['wide head', WIDE_HEAD_MODEL] as const]) {
      const { model } = run(recipe, 21, title.startsWith('longest') ? [0, 1] : title === 'wide head' ? [0] : TOKENS);
      for (const [event, count] of Object.entries(model.events)) totals.set(event, (totals.get(event) ?? 0) + count);
    }
    expect([...totals].filter(([, count]) => count === 0)).toEqual([]);
    expect(totals.size).toBe(12);
  });

  it.each<[string, keyof ModelEvents]>([
    ['one channel, many layers', 'zeroVector'],
    ['scale of +24 everywhere', 'preActivationHigh'],
    ['scale of +24 everywhere', 'preActivationLow'],
    ['scale of +24 everywhere', 'lowestUp'],
    ['scales across the edge of saturation', 'scaleSaturated'],
    ['scales that shift by 30 bits and more', 'shiftedOut'],
    ['residual that normalises to ±32768', 'lowestN'],
    ['ε shift 0 under saturated g', 'preActivationLow'],
  ])('%s: %s', (title, event) => {
    expect(run(EXTREME_MODELS[title] ?? {}, 22).model.events[event]).toBeGreaterThan(0);
  });

  it.each([
    'all weights zero',
    'all gains zero',
    'all norms zero',
    'norm and gain never in the same channel',
    'embedding scale 0',
  ])('%s: every logit is 0', (title) => {
    expect(
      run(EXTREME_MODELS[title] ?? {}, 23)
        .logits.flat()
        .every((logit) => logit === 0n),
    ).toBe(true);
  });

  it('leaves the state at 0 where the lower bound is 1', () => {
    const { model } = run(EXTREME_MODELS['lower bound complement 0'] ?? {}, 24);
    expect(model.state.flat().every((h) => h === 0n)).toBe(true);
  });
});
