/** The options that say where tokens come from, the same in every command. */
import { option, optionWithDefault } from '../command.js';
import { oneOf, path } from '../options.js';

/** What can compute tokens from an image. */
const BACKENDS = ['reference'] as const;

export const imageOption = option('--image <file>', 'weight image (default: the shipped tales-9m)', path);

export const backendOption = optionWithDefault(
  '--backend <name>',
  `what computes the tokens: ${BACKENDS.join(', ')}`,
  oneOf(BACKENDS),
  'reference',
);
