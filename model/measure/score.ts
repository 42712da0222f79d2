/**
 * The loss of a model on a window of text: how good it is, as opposed to whether it is bit-exact.
 *
 * Logits become nats in double precision; nothing here feeds back into a model.
 */
import type { EvaluationWindow } from './windows.js';

/** A model that can be scored. */
export interface ScoredModel {
  readonly logits: ArrayLike<number>;
  reset(): void;
  step(token: number): void;
}

/** Mean −log p(target) of one window, in nats. */
export function windowLoss(model: ScoredModel, logitUnit: number, window: EvaluationWindow): number {
  const { inputs, targets } = window;
  model.reset();
  let sum = 0;
  for (let k = 0; k < inputs.length; k++) {
    model.step(inputs[k]);
    sum += negativeLogLikelihood(model.logits, logitUnit, targets[k]);
  }
  return sum / inputs.length;
}

/** log Σ exp(logits) − logits[target], shifted by the maximum so that nothing overflows. */
export function negativeLogLikelihood(logits: ArrayLike<number>, logitUnit: number, target: number): number {
  let largest = -Infinity;
  for (let id = 0; id < logits.length; id++) if (logits[id] > largest) largest = logits[id];
  let sum = 0;
  for (let id = 0; id < logits.length; id++) sum += Math.exp((logits[id] - largest) * logitUnit);
  return Math.log(sum) + (largest - logits[target]) * logitUnit;
}
