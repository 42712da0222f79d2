/** `mmfree key`: declaration. */
import { defineCommand, requiredOption } from '../command.js';
import { path } from '../options.js';

export const key = defineCommand({
  examples: ['mmfree key -o board.key', 'mmfree virtual-board --tcp 0.0.0.0:4711 --key-file board.key'],
  parameters: { output: requiredOption('-o, --output <file>', 'the file that is made; none may be there', path) },
  load: async () => (await import('../work/key.js')).key,
});
