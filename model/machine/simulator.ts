/**
 * The gateware's program, run by the instruction-level simulator, as a machine: a third computation of the integer
 * model, from the image's own program. Products end as late as it allows.
 */
import { readModelWeights, type WeightBytes } from '../integer/model-weights.js';
import { Simulator } from '../program/simulator.js';
import type { ImageIdentity } from './machine.js';
import { TurnTakingMachine } from './turns.js';

export function simulatorMachine(
  weights: WeightBytes,
  program: readonly number[],
  image: ImageIdentity,
): TurnTakingMachine {
  const simulator = new Simulator(weights, program, { timing: 'as late as allowed' });
  return new TurnTakingMachine('simulator', image, simulator, readModelWeights(weights).exp2);
}
