/** Advice on training. */
import type { TrainErrorCode } from '../../model/train/train-error.js';
import { also, always, type Advice } from './table.js';

const BEGIN_AGAIN = 'Begin again with a lower --rate, a longer --warm-up or a smaller --clip';

export const TRAINING: Readonly<Record<TrainErrorCode, Advice>> = {
  'train-no-gpu': also('`mmfree doctor` shows what is found.'),
  'train-no-text': null,
  'train-bad-text': null,
  'train-too-little-text': always('Give more text, or shorter windows with --context.'),
  'train-bad-shape': always('Choose another shape with --shape, or change the --config.'),
  'train-bad-tokenizer': ({ from, model_tokens: tokens }) => {
    if (from === 'text')
      return 'Set vocab_size in the --config to what --vocab asks for, 257 at least, or name a file with --tokenizer.';
    if (from !== 'file') return undefined;
    return typeof tokens !== 'number'
      ? 'Name another file with --tokenizer, or leave that out: then one is made of the text.'
      : `Name another file with --tokenizer, or leave that out: then one of ${tokens} tokens is made of the text. Or set vocab_size in the --config to what the tokenizer has.`;
  },
  'train-too-large': also('`mmfree train --plan SHAPE` says what a shape takes here.'),
  'train-diverged': ({ saved }, _, fix) =>
    saved === undefined
      ? `${BEGIN_AGAIN}; the folder holds the last good checkpoint.`
      : `${fix} Then --resume comes to the same step again, and leaves that checkpoint. ${BEGIN_AGAIN}.`,
  'train-unwritable': also('Then give the same texts with --resume; the folder may be moved elsewhere before.'),
  'train-folder-taken': always('Name a new folder with -o, or go on with the run that is there with --resume.'),
  'train-folder-in-use': always('Name a new folder with -o, or wait until that command has ended.'),
  'train-cannot-resume': always('Give the same texts, or begin a new run in another folder.'),
};
