/** The integer reference as a machine: what every other one is compared with. */
import { IntegerModel } from '../integer/integer-model.js';
import type { ModelWeights } from '../integer/model-weights.js';
import type { ImageIdentity } from './machine.js';
import { TurnTakingMachine } from './turns.js';

export function referenceMachine(weights: ModelWeights, image: ImageIdentity): TurnTakingMachine {
  return new TurnTakingMachine('reference', image, new IntegerModel(weights), weights.exp2);
}
