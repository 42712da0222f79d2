/** Everything that can be wrong with training, in words. */
import { MmfreeError, sentenceOf } from '../../protocol/errors.js';
import { systemFix } from '../../protocol/system-error.js';
import type { GpuError } from '../backends/gpu/device/gpu-error.js';
import type { TokenizerError } from '../text/tokenizer-error.js';

export type TrainErrorCode =
  /** Nothing here trains a model. */
  | 'train-no-gpu'
  /** There is nothing to learn from. */
  | 'train-no-text'
  /** Something else than text. */
  | 'train-bad-text'
  /** Less than one window. */
  | 'train-too-little-text'
  /** A model that the kernels are not made for. */
  | 'train-bad-shape'
  /** A tokenizer that is none, or none for this model. */
  | 'train-bad-tokenizer'
  /** A model with parts that this GPU does not bind. */
  | 'train-too-large'
  /** The loss is no number any more. */
  | 'train-diverged'
  /** The folder holds something. */
  | 'train-folder-taken'
  /** Another program trains in it. */
  | 'train-folder-in-use'
  /** The system does not take what a run leaves. */
  | 'train-unwritable'
  /** There is no run to go on with, or it was another one. */
  | 'train-cannot-resume';

/** An error of training. */
export class TrainError extends MmfreeError<TrainErrorCode> {}

export function noGpu(cause: GpuError): TrainError {
  return new TrainError('train-no-gpu', `training needs a GPU: ${cause.message}`, {
    reason: cause.reason,
    fix: 'Install the driver and, on Linux, the Vulkan loader (Debian: `apt install libvulkan1`), or train on another computer: a checkpoint goes anywhere.',
    cause,
  });
}

export function noText(sources: readonly string[]): TrainError {
  return new TrainError('train-no-text', `there is no text in ${sources.map((path) => named(path)).join(', ')}`, {
    reason: 'All of it is empty; of a folder, files that end with .txt, .md or .jsonl are read.',
    fix: 'Name a file of UTF-8 text, or a folder of such files.',
    facts: { sources: sources.join(', ') },
  });
}

function named(path: string): string {
  return path === '-' ? 'standard input' : path;
}

export function allHeldOut(): TrainError {
  return new TrainError('train-no-text', 'all of the text is held out', {
    reason: 'Documents that are in the held-out text, or begin and end as one there does, are not learned.',
    fix: 'Give more text, or hold out other documents.',
  });
}

/** @param problem a clause */
export function badText(path: string, problem: string): TrainError {
  return new TrainError('train-bad-text', `${named(path)} ${problem}`, {
    reason:
      'A model learns from UTF-8 text whose lines are at most a mebibyte long; lines of a .jsonl file are objects with a string `text`.',
    fix: 'Leave the file out, or make text of it first.',
    facts: { file: path },
  });
}

/** @param most characters */
export function documentTooLong(most: number): TrainError {
  return new TrainError('train-bad-text', `a document has more than ${most} characters`, {
    reason: 'This tokenizer may make a token of what is around white space, so it encodes documents as a whole.',
    fix: 'Divide long documents by lines that are <|endoftext|>, or leave the tokenizer out: one that is made of the text has no such limit.',
    facts: { most },
  });
}

/** @param text which one */
export function tooLittleText(text: string, tokens: number, needed: number): TrainError {
  return new TrainError('train-too-little-text', `${text} has ${tokens} tokens, less than one window of ${needed}`, {
    reason: 'A step takes windows of one token more than the context from the text.',
    fix: 'Give more text, or a shorter context.',
    facts: { tokens, needed },
  });
}

/** @param problem a clause */
export function badShape(problem: string): TrainError {
  return new TrainError('train-bad-shape', `this model cannot be trained here: ${problem}`, {
    reason: 'The kernels take widths that are multiples of 16.',
    fix: 'Choose another shape.',
  });
}

/** Where the tokenizer of a run is from. */
export interface TokenizerSource {
  /** A file that was named, the text, the checkpoint that training begins with, the folder of the run. */
  readonly from: 'file' | 'text' | 'checkpoint' | 'run';
  /** That file or folder. */
  readonly path: string;
}

const OTHER_TOKENIZER: Readonly<Record<TokenizerSource['from'], string>> = {
  file: 'Name another tokenizer.json, or none: then one is made of the text.',
  text: 'Give the model as many tokens as the tokenizer is to have, 257 or more.',
  checkpoint: 'Put the tokenizer.json into it that the checkpoint was trained with.',
  run: 'Put the tokenizer.json back that was in the folder when the run began, or begin a new run.',
};

/**
 * @param problem sentences
 * @param modelTokens tokens of the model, if that is settled by something else than the tokenizer
 */
export function badTokenizer(
  { from, path }: TokenizerSource,
  problem: string,
  modelTokens: number | undefined,
  cause?: unknown,
): TrainError {
  const what = from === 'text' ? 'no tokenizer of the text fits the model' : `${path} has no tokenizer for this model`;
  return new TrainError('train-bad-tokenizer', what, {
    reason: problem,
    fix: OTHER_TOKENIZER[from],
    facts: { from, file: path, ...(modelTokens !== undefined && { model_tokens: modelTokens }) },
    cause,
  });
}

/** The same by what reading it said. @param isEmpty whether there is nothing in it */
export function unusableTokenizer(
  source: TokenizerSource,
  error: TokenizerError,
  isEmpty: boolean,
  modelTokens: number | undefined,
): TrainError {
  const said = error.code === 'tokenizer-does-not-fit' ? error.reason : `${sentenceOf(error.message)} ${error.reason}`;
  const empty = source.from === 'file' ? 'The file is empty.' : 'There is no tokenizer.json in it.';
  return badTokenizer(source, isEmpty ? empty : said, modelTokens, error);
}

/** @param part what is larger than the GPU binds */
export function tooLarge(gpu: string, part: string, needed: number, offered: number): TrainError {
  const gibibytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(2)} GiB`;
  return new TrainError('train-too-large', `${gpu} does not take this model`, {
    reason: `Its ${part} need ${gibibytes(needed)} in one buffer, of which the GPU binds ${gibibytes(offered)}.`,
    fix: 'Choose a smaller shape, or train with PyTorch: a checkpoint of that can be packed and gone on with here.',
    facts: { gpu, part, needed, offered },
  });
}

export function diverged(step: number, rate: number): TrainError {
  return new TrainError('train-diverged', `the loss is not a number any more at step ${step}`, {
    reason: `The rate was ${rate.toPrecision(3)}: steps that are too large lead to numbers that are too large.`,
    fix: 'Use a lower rate, a longer warm-up, or clip more.',
    facts: { step, rate },
  });
}

/**
 * The same where what is left of the run is not whole.
 *
 * @param saved the step of the state in the folder @param cause why its checkpoint could not be written
 */
export function divergedWithout(first: TrainError, folder: string, saved: number, cause: Error): TrainError {
  const { code, message, reason, facts } = first;
  return new TrainError(code, message, {
    reason: `${reason} The last good checkpoint could not be written into ${folder} either: ${cause.message}. The state behind step ${saved} is there.`,
    fix: systemFix(cause) ?? 'Check the folder and its permissions.',
    facts: { ...facts, file: folder, saved },
    cause,
  });
}

/** @param step of the state in the folder @param cause the operating system's error */
export function unwritable(folder: string, step: number, cause: Error): TrainError {
  return new TrainError('train-unwritable', `cannot write into ${folder}`, {
    reason: `The operating system refused: ${cause.message}. The state behind step ${step} is whole, and the run goes on from there.`,
    fix: systemFix(cause) ?? 'Check the folder and its permissions.',
    facts: { file: folder, step },
    cause,
  });
}

export function folderTaken(folder: string): TrainError {
  return new TrainError('train-folder-taken', `${folder} is not empty`, {
    reason: 'A run fills a folder of its own, and overwrites nothing.',
    fix: 'Name a new folder, or go on with the run that is there.',
    facts: { file: folder },
  });
}

export function folderInUse(folder: string, cause: unknown): TrainError {
  return new TrainError('train-folder-in-use', `another command trains in ${folder}`, {
    reason: 'Two runs in one folder would overwrite what the other one goes on with.',
    fix: 'Name a new folder, or wait until it has ended.',
    facts: { file: folder },
    cause,
  });
}

/** @param problem a clause */
export function cannotResume(folder: string, problem: string): TrainError {
  return new TrainError('train-cannot-resume', `the run in ${folder} cannot go on: ${problem}`, {
    reason: 'A run goes on bit for bit, which it can with the same text, options and shape only.',
    fix: 'Give the same texts and options, or begin a new run.',
    facts: { file: folder },
  });
}
