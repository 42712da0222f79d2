/** `mmfree boards`: declaration. */
import { defineCommand } from '../command.js';
import { boardOption } from './source-options.js';

export const boards = defineCommand({
  examples: ['mmfree boards', 'mmfree boards --board tcp:192.168.1.20:4711'],
  parameters: { board: boardOption },
  load: async () => (await import('../work/boards.js')).boards,
});
