/** `mmfree gateware sim`: declaration. */
import { SIMULATED_CHIPS } from '../../../firmware-host/virtual/simulated-chips/simulated-chips.js';
import { defineCommand, flag, optionWithDefault } from '../../command.js';
import { oneOf } from '../../options.js';

export const gatewareSim = defineCommand({
  examples: ['mmfree gateware sim', 'mmfree gateware sim --chip axi-512', 'mmfree gateware sim --trace'],
  parameters: {
    chip: optionWithDefault(
      '--chip <chip>',
      `one of ${SIMULATED_CHIPS.join(', ')}`,
      oneOf(SIMULATED_CHIPS),
      'icebreaker',
    ),
    trace: flag('--trace', 'make it able to write waveforms (--vcd), which makes it slower'),
  },
  load: async () => (await import('../../work/gateware/sim.js')).gatewareSim,
});
