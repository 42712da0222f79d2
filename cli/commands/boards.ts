/** `mmfree boards`: declaration. */
import { defineCommand, flag } from '../command.js';
import { boardOption, keyFileOption } from './shared/source-options.js';
import { traceOption, withTrace } from './shared/trace-option.js';

export const boards = defineCommand({
  examples: ['mmfree boards', 'mmfree boards --watch', 'mmfree boards --board tcp:192.168.1.20:4711'],
  parameters: {
    watch: flag('--watch', 'go on, with a line for each board that comes, goes or changes, until Ctrl-C', {
      excludes: ['board'],
    }),
    board: boardOption,
    keyFile: keyFileOption,
    trace: traceOption,
  },
  load: withTrace(async () => (await import('../work/boards.js')).boards),
});
