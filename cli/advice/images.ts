/** Advice on images, states, and what images are made of: files, checkpoints, tokenizers, programs. */
import type { CheckpointErrorCode } from '../../model/checkpoint/checkpoint-error.js';
import type { FileErrorCode } from '../../model/files/file-error.js';
import type { ProgramErrorCode } from '../../model/program/program-error.js';
import type { TokenizerErrorCode } from '../../model/text/tokenizer-error.js';
import { MmfreeError } from '../../protocol/errors.js';
import type { ImageErrorCode } from '../../protocol/image/image-error.js';
import type { StateErrorCode } from '../../protocol/state/state-error.js';
import { systemFix } from '../../protocol/system-error.js';
import { also, always, type Advice } from './table.js';

const packAgain = (): string => 'Do not use this image; make one from the checkpoint with `mmfree pack`.';
const showProgram = also('`mmfree inspect --program` shows a program.');

/**
 * What the operating system says, or what the path leads to, may call for something else, which the error tells then.
 */
function unlessSystemKnows(cause: unknown, advice: string): string | undefined {
  return cause instanceof MmfreeError || systemFix(cause) !== undefined ? undefined : advice;
}

export const IMAGES: Readonly<Record<ImageErrorCode | StateErrorCode, Advice>> = {
  'image-unreadable': (_, cause) =>
    unlessSystemKnows(cause, 'Check the path and the permissions; `mmfree pack` makes an image from a checkpoint.'),
  'image-changed': null,
  'image-unwritable': (_, cause) =>
    unlessSystemKnows(cause, 'Check the folder and its permissions, or give another path with -o.'),
  'not-an-image': always('Give a file that `mmfree pack` wrote; a checkpoint has to be packed first.'),
  'image-unsupported-version': null,
  'image-truncated': null,
  'image-damaged': ({ part }) =>
    part === undefined ? 'Copy the file again, or make it again with `mmfree pack --dfu` or `dfu-suffix`.' : undefined,
  'image-hostile-cbor': packAgain,
  // Bytes behind the end are more likely a copy that went wrong.
  'image-inconsistent': ({ bytes }) => (bytes === undefined ? packAgain() : undefined),
  'image-bad-manifest': ({ key }) =>
    key === 'name' ? 'Pack the checkpoint with a name like that (`--name`).' : packAgain(),
  'image-out-of-limits': null,
  'image-too-large': null,
  'image-bad-weights': packAgain,
  'image-bad-program': packAgain,
  'image-no-program': always('Pack the checkpoint again with `mmfree pack`.'),
  'image-bad-signature': null,
  'not-a-state': always('Name a file that `mmfree run --save-state` wrote.'),
  'state-unsupported-version': null,
  'state-damaged': null,
  'state-impossible': null,
  'state-other-image': always(
    'Use the image that it was saved with (`--image`; `mmfree inspect` shows the SHA-256 of images and states), or begin a new text.',
  ),
};

export const CHECKPOINTS: Readonly<
  Record<CheckpointErrorCode | FileErrorCode | ProgramErrorCode | TokenizerErrorCode, Advice>
> = {
  'checkpoint-not-found': null,
  'checkpoint-lfs-pointer': null,
  'checkpoint-no-tokenizer': also('Or pack with --no-tokenizer.'),
  'checkpoint-unreadable': null,
  'checkpoint-file-too-large': null,
  'checkpoint-bad-config': null,
  'checkpoint-bad-chat-template': also('Or pack with --no-chat-template.'),
  'checkpoint-unsupported-model': null,
  'checkpoint-truncated': null,
  'checkpoint-bad-header': null,
  'checkpoint-bad-index': null,
  'checkpoint-missing-tensor': null,
  'checkpoint-unknown-tensor': null,
  'checkpoint-wrong-shape': null,
  'checkpoint-wrong-dtype': null,
  'checkpoint-not-finite': null,
  'checkpoint-embedding-too-large': null,
  'checkpoint-scale-out-of-range': null,
  'checkpoint-bad-golden': null,
  'output-is-input': null,
  'output-not-a-file': null,
  'input-not-a-file': null,
  'input-lfs-pointer': null,
  'input-too-large': null,
  'file-in-use': null,
  'lock-unavailable': null,
  'tokenizer-missing': null,
  'tokenizer-too-large': null,
  'tokenizer-malformed': null,
  'tokenizer-unsupported': also('`--ids` gives and takes token ids.'),
  'tokenizer-does-not-fit': null,
  'program-syntax': showProgram,
  'program-refused': showProgram,
  'program-fault': always('Pack the checkpoint again with `mmfree pack`.'),
};
