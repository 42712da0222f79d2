/** `mmfree vectors`: declaration. */
import { defineCommand, optionWithDefault, requiredOption } from '../command.js';
import { integer, path } from '../options.js';
import { imageOption } from './shared/source-options.js';

export const vectors = defineCommand({
  examples: ['mmfree vectors -o vectors --tokens 100', 'mmfree vectors --image tales-9m.mmfree -o vectors --trace 2'],
  parameters: {
    output: requiredOption('-o, --output <folder>', 'where to write; files of the same name are replaced', path),
    image: imageOption,
    tokens: optionWithDefault(
      '--tokens <number>',
      'random tokens whose receipts and taps are written',
      integer({ min: 1, max: 1_000_000, example: 100 }),
      64,
    ),
    trace: optionWithDefault(
      '--trace <number>',
      'of so many of these tokens also every vector after each instruction of the gateware',
      integer({ min: 0, max: 10_000, example: 2 }),
      0,
    ),
    count: optionWithDefault(
      '--count <number>',
      'random cases of each primitive, beside its corner cases',
      integer({ min: 0, max: 1_000_000, example: 1000 }),
      1000,
    ),
    seed: optionWithDefault(
      '--seed <number>',
      'seed of the random cases',
      integer({ min: 0, max: 2 ** 32 - 1, example: 1 }),
      1,
    ),
  },
  load: async () => (await import('../work/vectors.js')).vectors,
});
