/** `mmfree inspect`: declaration. */
import { argument, defineCommand, flag } from '../command.js';
import { path } from '../options.js';

export const inspect = defineCommand({
  examples: ['mmfree inspect tales-9m.mmfree', 'mmfree inspect tales-9m.mmfree --program', 'mmfree inspect tale.state'],
  parameters: {
    file: argument('<file>', 'the weight image, or the state that `run --save-state` wrote', path),
    program: flag('--program', 'show the program of the gateware instead, as text that pack --program takes'),
  },
  load: async () => (await import('../work/inspect.js')).inspect,
});
