/** `mmfree eval`: declaration. */
import { defineCommand, option, optionWithDefault, requiredOption } from '../command.js';
import { integer, path } from '../options.js';
import { fastOption } from './shared/source-options.js';

// `eval` is a reserved name.
export const evalCommand = defineCommand({
  examples: [
    'mmfree eval --image tales-9m.mmfree --text validation.txt --windows 20',
    'mmfree eval --checkpoint models/tales-9m --text models/tales-9m/validation.txt',
  ],
  parameters: {
    text: requiredOption(
      '--text <file>',
      'UTF-8 text, - for standard input; documents end at lines that are <|endoftext|>',
      path,
    ),
    image: option('--image <file>', 'score the integer model of this image', path),
    backend: fastOption,
    checkpoint: option('--checkpoint <folder>', 'score the float model of this checkpoint', path),
    context: optionWithDefault(
      '--context <number>',
      'tokens of a window, each of which starts with a fresh state',
      integer({ min: 1, max: 65_536, example: 512 }),
      512,
    ),
    windows: option(
      '--windows <number>',
      'score only the first windows (default: all)',
      integer({ min: 1, max: 1_000_000, example: 20 }),
    ),
    threads: option(
      '--threads <number>',
      'threads that compute (default: all cores; cpu: as many as are fastest)',
      integer({ min: 1, max: 256, example: 2 }),
    ),
  },
  load: async () => (await import('../work/eval.js')).evaluateText,
});
