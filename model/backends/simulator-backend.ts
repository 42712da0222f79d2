/**
 * The gateware's program, run by the instruction-level simulator, as a backend: a third computation of the integer model, from the image's own
 * program.
 */
import { readModelWeights, type WeightBytes } from '../integer/model-weights.js';
import { Simulator } from '../program/simulator.js';
import { StepwiseBackend } from './stepwise-backend.js';

/** Runs a program; products end as late as it allows. */
export class SimulatorBackend extends StepwiseBackend {
  constructor(weights: WeightBytes, program: readonly number[]) {
    super(
      'simulator',
      new Simulator(weights, program, { timing: 'as late as allowed' }),
      readModelWeights(weights).exp2,
    );
  }
}
