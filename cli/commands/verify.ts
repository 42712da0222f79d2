/** `mmfree verify`: declaration. */
import { defineCommand, option, optionWithDefault } from '../command.js';
import { decimal, integer, path } from '../options.js';
import { boardOption, computerOption, imageOption, keyFileOption, waitOption } from './shared/source-options.js';
import { traceOption, withTrace } from './shared/trace-option.js';

export const verify = defineCommand({
  examples: [
    'mmfree verify --image tales-9m.mmfree',
    'mmfree verify --image tales-9m.mmfree --backend gpu --tokens 1000',
    'mmfree verify --image tales-9m.mmfree --backend simulator',
    'mmfree verify --board serial:/dev/ttyACM0 --tokens 1000',
    'mmfree verify --checkpoint model --golden model/golden.safetensors',
    'mmfree verify --checkpoint model --golden model/golden.safetensors --gradients model/gradients.safetensors',
  ],
  parameters: {
    board: boardOption,
    keyFile: keyFileOption,
    wait: waitOption,
    trace: traceOption,
    image: imageOption,
    backend: computerOption,
    tokens: optionWithDefault(
      '--tokens <number>',
      'board, gpu, cpu, simulator: random tokens to compare with the reference, beside self-test and sampling',
      integer({ min: 1, max: 1_000_000, example: 1000 }),
      200,
    ),
    checkpoint: option('--checkpoint <folder>', 'compare the float model of this checkpoint with --golden', path),
    golden: option('--golden <file>', 'logits exported from PyTorch (safetensors: input_ids, logits)', path),
    gradients: option(
      '--gradients <file>',
      'gradients exported from PyTorch, of the mean next-token loss over the input_ids of --golden (safetensors: one for each tensor)',
      path,
    ),
    tolerance: option(
      '--tolerance <number>',
      'largest difference from --golden that passes (default: 0.0001 of a logit; with --gradients 0.05, relative, of each tensor)',
      decimal({ min: 0, max: 1000, example: 0.0001 }),
    ),
  },
  load: withTrace(async () => (await import('../work/verify/verify.js')).verify),
});
