/**
 * The integer reference as a backend: what every other backend is compared with.
 */
import { IntegerModel } from '../integer/integer-model.js';
import type { ModelWeights } from '../integer/model-weights.js';
import { StepwiseBackend } from './stepwise-backend.js';

/** Runs the integer model. */
export class ReferenceBackend extends StepwiseBackend {
  constructor(weights: ModelWeights) {
    super('reference', new IntegerModel(weights), weights.exp2);
  }
}
