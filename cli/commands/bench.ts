/** `mmfree bench`: declaration. */
import { argument, defineCommand, option, optionWithDefault } from '../command.js';
import { integer, oneOf, path } from '../options.js';
import { imageOption } from './source-options.js';

/** What can be measured. */
const SUBJECTS = ['pack', 'reference', 'link', 'usb', 'start-up'] as const;

export const bench = defineCommand({
  name: 'bench',
  summary: 'measure speed and memory against a baseline of the same run',
  examples: [
    'mmfree bench reference',
    'mmfree bench pack --shape 370M',
    'mmfree bench link',
    'mmfree bench usb',
    'mmfree bench start-up',
  ],
  parameters: {
    subject: argument('<subject>', `what to measure: ${SUBJECTS.join(', ')}`, oneOf(SUBJECTS)),
    image: imageOption,
    shape: optionWithDefault(
      '--shape <name>',
      'pack: shape of the synthetic F16 checkpoint: 9M, 370M, 1.3B, 2.7B',
      oneOf(['9M', '370M', '1.3B', '2.7B']),
      '370M',
    ),
    folder: option(
      '--folder <folder>',
      'pack: where to write the checkpoint (default: where temporary files go)',
      path,
    ),
    tokens: optionWithDefault(
      '--tokens <number>',
      'reference: tokens to time; link: ten times as many',
      integer({ min: 8, max: 100_000, example: 200 }),
      200,
    ),
    runs: optionWithDefault(
      '--runs <number>',
      'start-up: processes to start',
      integer({ min: 3, max: 1000, example: 11 }),
      11,
    ),
  },
  load: async () => (await import('../work/bench.js')).bench,
});
