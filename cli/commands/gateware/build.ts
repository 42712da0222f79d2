/** `mmfree gateware build`: declaration. */
import { defineCommand, optionWithDefault } from '../../command.js';
import { oneOf, path } from '../../options.js';

export const gatewareBuild = defineCommand({
  examples: [
    'mmfree gateware build',
    'mmfree gateware build --board icebreaker -o out',
    'mmfree gateware build --board axi',
  ],
  parameters: {
    board: optionWithDefault(
      '--board <board>',
      'icebreaker (bitstream), or axi (estimates for wide memories)',
      oneOf(['icebreaker', 'axi']),
      'icebreaker',
    ),
    output: optionWithDefault(
      '-o, --output <folder>',
      'for bitstream, reports and what is between',
      path,
      'gateware-out',
    ),
  },
  load: async () => (await import('../../work/gateware/build.js')).gatewareBuild,
});
