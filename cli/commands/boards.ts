/** `mmfree boards`: declaration. */
import { defineCommand } from '../command.js';
import { boardOption } from './source-options.js';

export const boards = defineCommand({
  name: 'boards',
  summary: 'show the boards that are there, also those that may not be opened, and why',
  examples: ['mmfree boards', 'mmfree boards --board tcp:192.168.1.20:4711'],
  parameters: { board: boardOption },
  load: async () => (await import('../work/boards.js')).boards,
});
