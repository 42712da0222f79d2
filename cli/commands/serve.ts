/** `mmfree serve`: declaration. */
import { defineCommand, option, optionWithDefault, repeatedOption } from '../command.js';
import { integer, path, text } from '../options.js';
import { backendOption, keyFileOption } from './shared/source-options.js';

export const serve = defineCommand({
  examples: [
    'mmfree serve',
    'mmfree serve --image tales.mmfree --image other.mmfree --port 0 --json',
    'mmfree serve --board serial:/dev/ttyACM0 --board serial:/dev/ttyACM1 --backend cpu',
  ],
  parameters: {
    image: repeatedOption(
      '--image <file>',
      'a weight image to serve; may be given several times (default: the shipped tales-9m)',
      path,
    ),
    board: repeatedOption(
      '--board <selector>',
      'a board to serve, as for `mmfree run`; may be given several times',
      text,
    ),
    keyFile: keyFileOption,
    backend: backendOption,
    stateDir: option(
      '--state-dir <folder>',
      'keep conversations in this folder, over restarts (default: there are no conversations)',
      path,
    ),
    prefixCache: optionWithDefault(
      '--prefix-cache <MiB>',
      'remember states of texts, for texts that begin as they do, in so much memory for each image; 0 remembers none',
      integer({ min: 0, max: 65_536, example: 64 }),
      64,
    ),
    host: optionWithDefault('--host <address>', 'listen at this address', text, '127.0.0.1'),
    port: optionWithDefault(
      '--port <number>',
      'listen at this port; 0 takes a free one',
      integer({ min: 0, max: 65_535, example: 8080 }),
      8080,
    ),
    seats: optionWithDefault(
      '--seats <number>',
      'compute so many texts at once on each machine that can',
      integer({ min: 1, max: 1024, example: 16 }),
      16,
    ),
  },
  load: async () => (await import('../work/serve/serve.js')).serve,
});
