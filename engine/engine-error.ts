/** What the engine cannot do with what it was given, in words. */
import { MmfreeError } from '../protocol/errors.js';

export type EngineErrorCode =
  /** The file of an image is needed, and only a board has the image. */
  | 'image-file-missing'
  /** Text is given or wanted, and the image has no tokenizer. */
  | 'no-tokenizer'
  /** A board that neither gives nor takes the state of a text. */
  | 'machine-without-states';

/** A request that lacks something. */
export class EngineError extends MmfreeError<EngineErrorCode> {}

/** @param use why the file is needed, a sentence */
export function imageFileMissing(imageName: string, use: string, cause?: unknown): EngineError {
  return new EngineError('image-file-missing', `the file of ${imageName} is needed`, {
    reason: use,
    fix: 'Name the file that was flashed.',
    cause,
  });
}

export function noTokenizer(imageName: string): EngineError {
  return new EngineError('no-tokenizer', `${imageName} has no tokenizer`, {
    reason: 'It was packed from a checkpoint without tokenizer.json, so text and token ids cannot become each other.',
    fix: 'Give and get token ids, or pack the checkpoint with its tokenizer.json.',
  });
}

/** @param name of the machine */
export function withoutStates(name: string): EngineError {
  return new EngineError('machine-without-states', `${name} neither gives nor takes states`, {
    reason: 'Its firmware does not know the messages for that (state.1), which are optional.',
    fix: 'Use a board whose firmware knows them, or this computer.',
    facts: { machine: name },
  });
}
