/** `mmfree train`: declaration. */
import { SHAPE_NAMES } from '../../model/train/shapes.js';
import { defineCommand, flag, option, optionWithDefault, repeatedArgument } from '../command.js';
import { decimal, integer, oneOf, path, seed } from '../options.js';

export const train = defineCommand({
  examples: [
    'mmfree train tales.txt -o my-model',
    'mmfree train books/ letters.jsonl -o my-model --shape 4M --minutes 30 --held-out validation.txt',
    'mmfree train tales.txt -o my-model --resume',
    'mmfree train --plan 370M --tokens 15000000000',
  ],
  parameters: {
    texts: repeatedArgument(
      '[text...]',
      'UTF-8 text to learn from: files, folders (.txt, .md, .jsonl), - for standard input; documents end at lines that are <|endoftext|>',
      path,
    ),
    output: option('-o, --output <folder>', 'the checkpoint to write, and what goes on with it', path),
    plan: option(
      '--plan <shape>',
      'train nothing: measure for a few seconds, and say what memory and how long this shape takes here (with --tokens; default: 20 a weight)',
      oneOf(SHAPE_NAMES),
    ),
    heldOut: option('--held-out <file>', 'text to measure the loss on, which is not learned', path),
    shape: option(
      '--shape <name>',
      `size of the model: ${SHAPE_NAMES.join(', ')} (default: by speed and memory of the GPU, and how much text there is)`,
      oneOf(SHAPE_NAMES),
    ),
    config: option('--config <file>', 'config.json of the model instead of a shape', path),
    tokenizer: option('--tokenizer <file>', 'tokenizer.json to use (default: one is made of the text)', path),
    vocab: option(
      '--vocab <number>',
      'tokens of a tokenizer that is made of the text (default: 4096)',
      integer({ min: 257, max: 65_536, example: 4096 }),
    ),
    from: option(
      '--from <checkpoint>',
      'go on from the weights of this checkpoint, with its shape and tokenizer',
      path,
    ),
    context: option(
      '--context <number>',
      'tokens of a window (default: 64 to 512, by how many tokens a run learns)',
      integer({ min: 2, max: 65_536, example: 512 }),
    ),
    batch: option(
      '--batch <number>',
      'windows of a step (default: so that there are about 600 steps)',
      integer({ min: 1, max: 65_536, example: 192 }),
    ),
    steps: option('--steps <number>', 'how many steps', integer({ min: 1, max: 10_000_000, example: 1000 })),
    tokens: option('--tokens <number>', 'how many tokens', integer({ min: 1, max: 1e13, example: 400_000_000 })),
    minutes: option(
      '--minutes <number>',
      'how long, by a measurement at the start (default: 10, less where text or model need less)',
      decimal({ min: 0.01, max: 100_000, example: 30 }),
    ),
    rate: option(
      '--rate <number>',
      'highest rate of AdamW (default: 0.008, less for wide models)',
      decimal({ min: 0, max: 10, example: 0.008 }),
    ),
    warmUp: option(
      '--warm-up <number>',
      'steps until the rate is highest (default: 200, at most a tenth of all)',
      integer({ min: 0, max: 1_000_000, example: 200 }),
    ),
    decay: option('--decay <number>', 'decay of matrices (default: 0.02)', decimal({ min: 0, max: 1, example: 0.02 })),
    clip: option(
      '--clip <number>',
      'largest norm of the gradients (default: 1)',
      decimal({ min: 0, max: 1e9, example: 1 }),
    ),
    seed: option('--seed <number>', 'of weights and windows (default: 1)', seed),
    half: flag('--half', 'write the checkpoint in float16, with the same trits (default: float32)'),
    saveEvery: optionWithDefault(
      '--save-every <seconds>',
      'how often the state is saved that a run goes on with; 0: behind every step',
      integer({ min: 0, max: 86_400, example: 60 }),
      60,
    ),
    resume: flag('--resume', 'go on with the run in the folder, bit for bit, with the same texts'),
  },
  load: async () => (await import('../work/train/train.js')).train,
});
