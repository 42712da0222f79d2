/** `mmfree inspect`: declaration. */
import { argument, defineCommand } from '../command.js';
import { path } from '../options.js';

export const inspect = defineCommand({
  name: 'inspect',
  summary: 'check every byte of a weight image and show what it holds',
  examples: ['mmfree inspect tales-9m.mmfree'],
  parameters: { image: argument('<image>', 'the weight image', path) },
  load: async () => (await import('../work/inspect.js')).inspect,
});
