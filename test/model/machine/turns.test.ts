import { residentBytes } from '../../../model/integer/model-weights.js';
import { simulatorMachine } from '../../../model/machine/simulator.js';
import { MODEL_PROGRAM } from '../../../model/program/model-program.js';
import { referenceOf, TEST_IMAGE } from '../../helpers/machines.js';
import { describePromises } from './promises.js';

describePromises('reference', { make: (sections) => Promise.resolve(referenceOf(sections)) });

describePromises('simulator', {
  make: (sections) => Promise.resolve(simulatorMachine(residentBytes(sections), MODEL_PROGRAM, TEST_IMAGE)),
});
