/** `mmfree read`: declaration. */
import { defineCommand, requiredOption } from '../command.js';
import { path } from '../options.js';
import { boardOption, keyFileOption, waitOption } from './shared/source-options.js';
import { traceOption, withTrace } from './shared/trace-option.js';

export const read = defineCommand({
  examples: ['mmfree read -o on-the-board.mmfree', 'mmfree read -o copy.mmfree --board serial:/dev/ttyACM0'],
  parameters: {
    output: requiredOption('-o, --output <file>', 'the image to write', path),
    board: boardOption,
    keyFile: keyFileOption,
    wait: waitOption,
    trace: traceOption,
  },
  load: withTrace(async () => (await import('../work/board-image.js')).read),
});
