/** `mmfree verify`: declaration. */
import { defineCommand, option, optionWithDefault } from '../command.js';
import { decimal, path } from '../options.js';
import { backendOption, imageOption } from './source-options.js';

export const verify = defineCommand({
  name: 'verify',
  summary: 'check that a machine computes what it must, bit for bit',
  examples: [
    'mmfree verify --image tales-9m.mmfree',
    'mmfree verify --checkpoint model --golden model/golden.safetensors',
  ],
  parameters: {
    image: imageOption,
    backend: backendOption,
    checkpoint: option('--checkpoint <folder>', 'compare the float model of this checkpoint with --golden', path),
    golden: option('--golden <file>', 'logits exported from PyTorch (safetensors: input_ids, logits)', path),
    tolerance: optionWithDefault(
      '--tolerance <number>',
      'largest difference of a logit from --golden that passes',
      decimal({ min: 0, max: 1000, example: 0.0001 }),
      1e-4,
    ),
  },
  load: async () => (await import('../work/verify.js')).verify,
});
