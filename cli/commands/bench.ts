/** `mmfree bench`: declaration. */
import { MAX_THREADS } from '../../model/backends/cpu/layout.js';
import { argument, defineCommand, option, optionWithDefault } from '../command.js';
import { integer, integers, oneOf, path } from '../options.js';
import { FAST_BACKENDS } from './shared/source-options.js';

/** What can be measured: machines, and what is none. */
const SUBJECTS = ['pack', ...FAST_BACKENDS.toReversed(), 'link', 'state', 'serve', 'usb', 'start-up'];

export const bench = defineCommand({
  examples: [
    'mmfree bench reference',
    'mmfree bench cpu --shape 370M',
    'mmfree bench cpu --shape 1.3B --threads 1,2 --peer peer-folder',
    'mmfree bench gpu --shape 370M',
    'mmfree bench pack --shape 370M',
    'mmfree bench link',
    'mmfree bench state',
    'mmfree bench serve --shape 370M --batch 8',
    'mmfree bench usb',
    'mmfree bench start-up',
  ],
  parameters: {
    subject: argument('<subject>', `what to measure: ${SUBJECTS.join(', ')}`, oneOf(SUBJECTS)),
    image: option(
      '--image <file>',
      'weight image (default: the shipped tales-9m; cpu, gpu, serve: a synthetic one)',
      path,
    ),
    shape: optionWithDefault(
      '--shape <name>',
      'pack, cpu, gpu, serve: shape of the synthetic F16 checkpoint: 9M, 370M, 1.3B, 2.7B',
      oneOf(['9M', '370M', '1.3B', '2.7B']),
      '370M',
    ),
    folder: option(
      '--folder <folder>',
      'pack, cpu, gpu, serve: where to write the checkpoint (default: where temporary files go)',
      path,
    ),
    tokens: optionWithDefault(
      '--tokens <number>',
      'reference, cpu, gpu, serve: tokens to time; link: ten times as many; state: the power is cut after ten times as many',
      integer({ min: 8, max: 1_000_000, example: 200 }),
      200,
    ),
    runs: option(
      '--runs <number>',
      'cpu, serve: rounds of measurements, and starts; state: power cuts; start-up: processes to start (default: 5, 5, 5, 11)',
      integer({ min: 3, max: 1000, example: 11 }),
    ),
    prompt: option(
      '--prompt <number>',
      'cpu, gpu: tokens of the longest prompt; a quarter and a sixteenth of it are timed too (default: 512, 2048)',
      integer({ min: 1, max: 65_536, example: 2048 }),
    ),
    batch: option(
      '--batch <number>',
      'cpu, gpu: sequences of the largest batch; 1 and a quarter of it are timed too (default: 8, 32); serve: streams (default: 8)',
      integer({ min: 1, max: 1024, example: 32 }),
    ),
    threads: option(
      '--threads <numbers>',
      `cpu: threads to measure, such as 1,2 (default: 1, 2, 4 and so on up to all cores; at most ${MAX_THREADS})`,
      integers({ min: 1, max: MAX_THREADS, example: '1,2' }),
    ),
    peer: option(
      '--peer <folder>',
      'cpu: measure llama.cpp in turn with it, which scripts/peers/llama-cpp.mjs has installed there',
      path,
    ),
    backend: option(
      '--backend <name>',
      'start-up: what computes the first token; serve: the machine (default: cpu)',
      oneOf(FAST_BACKENDS),
    ),
    cycles: option(
      '--cycles <number>',
      'cpu, gpu: instead of speeds, load and unload so often and then generate --tokens, watching the memory',
      integer({ min: 1, max: 100_000, example: 200 }),
    ),
  },
  load: async () => (await import('../work/bench/bench.js')).bench,
});
