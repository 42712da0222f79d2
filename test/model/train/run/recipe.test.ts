/** The numbers of docs/TRAINING.md and docs/guides/training.md, written out: the twin of a run takes them from the recipe. */
import { describe, expect, it } from 'vitest';
import { BETAS, EPSILON, microBatchOf, rateAt, type Recipe } from '../../../../model/train/run/recipe.js';

const recipe: Recipe = {
  context: 512,
  batch: 192,
  microBatch: 192,
  steps: 1000,
  rate: 0.008,
  warmUp: 200,
  decay: 0.02,
  clip: 1,
  seed: '1',
};

describe('the rate', () => {
  it.each([
    [1, 0.008 / 200],
    [100, 0.004],
    [200, 0.008],
    // Halfway down the cosine, between the highest rate and 2 % of it.
    [600, (0.008 + 0.00016) / 2],
    [400, 0.00016 + 0.00784 * 0.5 * (1 + Math.SQRT1_2)],
    [1000, 0.00016],
  ])('of step %d is %d', (step, rate) => {
    expect(rateAt(recipe, step)).toBeCloseTo(rate, 12);
  });

  it('begins at its highest without a warm-up, and is a number in a run that is all warm-up', () => {
    expect(rateAt({ ...recipe, warmUp: 0 }, 1)).toBeCloseTo(0.008, 6);
    expect(rateAt({ ...recipe, warmUp: 1000 }, 1000)).toBeCloseTo(0.008, 12);
    expect(rateAt({ ...recipe, warmUp: 2000 }, 1000)).toBeCloseTo(0.004, 12);
  });
});

it('AdamW has the betas and the epsilon of the published recipe', () => {
  expect([...BETAS, EPSILON]).toEqual([0.9, 0.95, 1e-8]);
});

describe('a micro-batch', () => {
  it.each([
    ['all of a batch that fits', [192, 512, 1000, 2 ** 31], 192],
    ['the largest divisor that fits', [192, 512, 10_000, 2 ** 31], 96],
    ['one window where the batch has no other divisor', [7, 512, 1_000_000, 2 ** 31], 1],
    ['one window where not even that fits', [8, 512, 1e9, 2 ** 31], 1],
    ['less on a card with less memory', [192, 512, 1000, 2 ** 27], 64],
    ['no more than is worth it on a card with more', [1024, 512, 10_000, 2 ** 40], 64],
  ] as const)('is %s', (_, [batch, context, floats, memory], most) => {
    expect(microBatchOf(batch, context, floats, memory)).toBe(most);
  });
});
