import { readModelWeights, residentBytes } from '../../../model/integer/model-weights.js';
import { referenceMachine } from '../../../model/machine/reference.js';
import { simulatorMachine } from '../../../model/machine/simulator.js';
import { MODEL_PROGRAM } from '../../../model/program/model-program.js';
import { describePromises, IMAGE } from './promises.js';

describePromises('reference', {
  make: (sections) => Promise.resolve(referenceMachine(readModelWeights(residentBytes(sections)), IMAGE)),
});

describePromises('simulator', {
  make: (sections) => Promise.resolve(simulatorMachine(residentBytes(sections), MODEL_PROGRAM, IMAGE)),
});
