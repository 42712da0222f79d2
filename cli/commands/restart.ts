/** `mmfree restart`: declaration. */
import { defineCommand } from '../command.js';
import { boardOption, keyFileOption, waitOption } from './shared/source-options.js';
import { traceOption, withTrace } from './shared/trace-option.js';

export const restart = defineCommand({
  examples: ['mmfree restart', 'mmfree restart --board usb:1209:0001:A-1'],
  parameters: { board: boardOption, keyFile: keyFileOption, wait: waitOption, trace: traceOption },
  load: withTrace(async () => (await import('../work/board-image.js')).restart),
});
