import { describe, expect, it } from 'vitest';
import { negativeLogLikelihood, windowLoss, type ScoredModel } from '../../../model/measure/score.js';

describe('negativeLogLikelihood', () => {
  it.each([
    [[0, 0], 1, 0, Math.log(2)],
    [[1, 0, 0], 1, 0, Math.log(1 + 2 / Math.E)],
    [[4096, 0], 2 ** -12, 1, Math.log(1 + Math.E)],
    // Without the shift by the maximum this would be infinite.
    [[1e6, 1e6 - 1], 1, 0, Math.log(1 + 1 / Math.E)],
  ])('of logits %j in units of %s and target %i is %f', (logits, unit, target, expected) => {
    expect(negativeLogLikelihood(logits, unit, target)).toBeCloseTo(expected, 12);
  });
});

describe('windowLoss', () => {
  it('feeds the inputs to a fresh state and averages over the targets', () => {
    const fed: (number | 'reset')[] = [];
    const model: ScoredModel = {
      logits: [0, 0, 0, 0],
      reset: () => fed.push('reset'),
      step: (token) => fed.push(token),
    };
    const loss = windowLoss(model, 1, { inputs: Int32Array.of(3, 1), targets: Int32Array.of(1, 2) });
    expect(loss).toBeCloseTo(Math.log(4), 12);
    expect(fed).toEqual(['reset', 3, 1]);
  });
});
