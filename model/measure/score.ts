/**
 * The loss of a model on a window of text: how good it is, as opposed to whether it is bit-exact.
 *
 * Logits become nats in double precision; nothing here feeds back into a model.
 */
import { openCheckpoint } from '../checkpoint/checkpoint.js';
import { FloatModel } from './float-model.js';
import { ImageFile } from '../image-file.js';
import { IntegerModel } from '../integer/integer-model.js';
import { readModelWeights } from '../integer/model-weights.js';
import type { EvaluationWindow } from './windows.js';

/** What is scored: the float model of a checkpoint, or the integer model of a checked image. */
export interface EvaluationSubject {
  readonly kind: 'checkpoint' | 'image';
  readonly path: string;
}

/** A model that can be scored. */
export interface ScoredModel {
  readonly logits: ArrayLike<number>;
  reset(): void;
  step(token: number): void;
}

/** Loads a subject; `logitUnit` is the value of one unit of its logits. */
export async function loadScoredModel(
  subject: EvaluationSubject,
): Promise<{ readonly model: ScoredModel; readonly logitUnit: number }> {
  if (subject.kind === 'checkpoint') {
    const checkpoint = await openCheckpoint(subject.path);
    try {
      return { model: await FloatModel.load(checkpoint), logitUnit: 1 };
    } finally {
      await checkpoint.close();
    }
  }
  // What is loaded is checked, whatever the file was when it was checked before.
  const image = ImageFile.load(subject.path);
  try {
    image.check();
    return { model: new IntegerModel(readModelWeights(image.residentWeights())), logitUnit: 2 ** -12 };
  } finally {
    image.close();
  }
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
