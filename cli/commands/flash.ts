/** `mmfree flash`: declaration. */
import { argument, defineCommand, flag } from '../command.js';
import { path } from '../options.js';
import { boardOption, waitOption } from './source-options.js';

export const flash = defineCommand({
  name: 'flash',
  summary: 'bring a weight image onto a board, and see it compute',
  examples: ['mmfree flash tales-9m.mmfree', 'mmfree flash model.mmfree --board serial:/dev/ttyACM0'],
  parameters: {
    image: argument('<image>', 'the weight image', path),
    board: boardOption,
    wait: waitOption,
    dryRun: flag('--dry-run', 'only say what would be written; the board refuses as it would'),
  },
  load: async () => (await import('../work/flash.js')).flash,
});
