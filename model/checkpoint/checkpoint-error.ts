/**
 * Everything that can be wrong with a checkpoint, in words.
 *
 * A checkpoint is downloaded from anywhere, so each refusal here is an ordinary event: it names the file, the tensor or
 * the key, says why it cannot be used, and what to do. Names that come out of a file are quoted, clipped and escaped.
 */

import { MmfreeError, sentenceOf } from '../../protocol/errors.js';
import { quoted } from '../quoted.js';
import { systemFix } from '../../protocol/system-error.js';
import type { ErrorDetails } from '../../protocol/errors.js';
import { LFS_POINTER_IS, LFS_POINTER_REASON, lfsPointerFix } from '../files/lfs-pointer.js';
import { counted } from '../../protocol/counted.js';

export type CheckpointErrorCode =
  /** The folder or one of its files does not exist. */
  | 'checkpoint-not-found'
  /** A file was not fetched: a pointer of Git LFS lies in its place. */
  | 'checkpoint-lfs-pointer'
  /** There is no `tokenizer.json`, and nobody said that none is wanted. */
  | 'checkpoint-no-tokenizer'
  /** The operating system refuses to read a file, or it is not a regular file. */
  | 'checkpoint-unreadable'
  /** `config.json`, `tokenizer.json` or the index is larger than any real one. */
  | 'checkpoint-file-too-large'
  /** `config.json` is not JSON, or a value has the wrong type or size. */
  | 'checkpoint-bad-config'
  /** A chat template that no image can hold, or that renders nothing. */
  | 'checkpoint-bad-chat-template'
  /** A model this program does not compute. */
  | 'checkpoint-unsupported-model'
  /** A weight file ends before its data does. */
  | 'checkpoint-truncated'
  /** A weight file breaks the safetensors format. */
  | 'checkpoint-bad-header'
  /** `model.safetensors.index.json` is malformed or disagrees with the shards. */
  | 'checkpoint-bad-index'
  /** The weight files hold too few, too many or different tensors than the configuration demands. */
  | 'checkpoint-missing-tensor'
  | 'checkpoint-unknown-tensor'
  | 'checkpoint-wrong-shape'
  | 'checkpoint-wrong-dtype'
  /** A weight is NaN or infinite. */
  | 'checkpoint-not-finite'
  /** The embedding holds values that the integer model has no format for. */
  | 'checkpoint-embedding-too-large'
  /** A norm or a ternary scale that the integer model has no format for. */
  | 'checkpoint-scale-out-of-range'
  /** A file of exported logits does not fit the checkpoint. */
  | 'checkpoint-bad-golden';

/** A checkpoint that cannot be used. `facts` names the file, and the tensor or key where there is one. */
export class CheckpointError extends MmfreeError<CheckpointErrorCode> {}

const DOWNLOAD_AGAIN = 'Download or copy the file again and compare its SHA-256 with the one published.';
const SAVE_AGAIN = 'Save the checkpoint again with `model.save_pretrained(folder)`, which writes valid files.';
const MATCH_FILES = 'Take config.json and the weight files from the same checkpoint.';

function fail(code: CheckpointErrorCode, message: string, details: ErrorDetails): CheckpointError {
  return new CheckpointError(code, message, details);
}

// Files

export function folderNotFound(folder: string): CheckpointError {
  return fail('checkpoint-not-found', `there is no checkpoint folder ${folder}`, {
    reason: 'The path does not exist.',
    fix: 'Give the folder that holds config.json, tokenizer.json and model.safetensors.',
    facts: { file: folder },
  });
}

export function notAFolder(path: string): CheckpointError {
  return fail('checkpoint-not-found', `${path} is a file, not a checkpoint folder`, {
    reason: 'A checkpoint is a folder with config.json, tokenizer.json and model.safetensors.',
    fix: 'Give the folder instead of a file in it.',
    facts: { file: path },
  });
}

export function fileNotFound(path: string): CheckpointError {
  return fail('checkpoint-not-found', `${path} does not exist`, {
    reason: 'The checkpoint is incomplete.',
    fix: 'Copy the missing file into the folder, or download the checkpoint again.',
    facts: { file: path },
  });
}

export function weightsNotFound(folder: string): CheckpointError {
  return fail('checkpoint-not-found', `${folder} holds no weights`, {
    reason: 'There is neither model.safetensors nor model.safetensors.index.json.',
    fix: 'Download them; if there is only pytorch_model.bin, convert it with `save_pretrained(folder, safe_serialization=True)`.',
    facts: { file: folder },
  });
}

export function fileUnreadable(path: string, cause: Error): CheckpointError {
  const code = 'code' in cause ? String(cause.code) : 'unknown';
  return fail('checkpoint-unreadable', `${path} cannot be read (${code})`, {
    reason: cause.message,
    fix: systemFix(cause) ?? 'Make the file readable for this user (`chmod u+r`), and check the disk if it already is.',
    facts: { file: path, system_error: code },
    cause,
  });
}

export function notARegularFile(path: string): CheckpointError {
  return fail('checkpoint-unreadable', `${path} is not a regular file`, {
    reason: 'It is a folder, a pipe or a device.',
    fix: 'Put the file itself there.',
    facts: { file: path },
  });
}

export function lfsPointer(path: string): CheckpointError {
  return fail('checkpoint-lfs-pointer', `${path} ${LFS_POINTER_IS}`, {
    reason: LFS_POINTER_REASON,
    fix: lfsPointerFix('the folder of the checkpoint'),
    facts: { file: path },
  });
}

export function noTokenizerFile(folder: string): CheckpointError {
  return fail('checkpoint-no-tokenizer', `${folder} has no tokenizer.json`, {
    reason: 'An image without it takes and gives token ids only, and never text.',
    fix: 'Save it there with `AutoTokenizer.from_pretrained(name).save_pretrained(folder)`.',
    facts: { file: folder },
  });
}

export function fileTooLarge(path: string, bytes: number, limitBytes: number): CheckpointError {
  return fail('checkpoint-file-too-large', `${path} has ${bytes} bytes; at most ${limitBytes} are read`, {
    reason: 'No real file of this kind is that large.',
    fix: DOWNLOAD_AGAIN,
    facts: { file: path, bytes, limit_bytes: limitBytes },
  });
}

/** @param missingBytes at least this many; exactly this many once the header was read */
export function fileTruncated(path: string, missingBytes: number): CheckpointError {
  return fail('checkpoint-truncated', `${path} is cut short by ${counted(missingBytes, 'byte')}`, {
    reason: 'A download or copy did not finish.',
    fix: DOWNLOAD_AGAIN,
    facts: { file: path, missing_bytes: missingBytes },
  });
}

// config.json

export function configNotJson(path: string, cause: unknown): CheckpointError {
  return fail('checkpoint-bad-config', `${path} is not a JSON object`, {
    reason: cause instanceof Error ? cause.message : 'Its content cannot be parsed.',
    fix: DOWNLOAD_AGAIN,
    facts: { file: path },
    cause,
  });
}

/** @param expected completes "must be …" */
export function badConfigValue(path: string, key: string, value: unknown, expected: string): CheckpointError {
  return fail('checkpoint-bad-config', `${path}: ${key} is ${shown(value)}`, {
    reason: `It must be ${expected}.`,
    fix: `Correct ${key} in that file.`,
    facts: { file: path, key },
  });
}

/** @param problem a whole clause, without the final period */
export function badChatTemplate(path: string, problem: string, cause?: unknown): CheckpointError {
  return fail('checkpoint-bad-chat-template', `the chat template in ${path} cannot be used`, {
    reason: sentenceOf(problem),
    fix: 'Correct it, or take it from the publisher again; `apply_chat_template` of transformers shows what it renders.',
    facts: { file: path },
    cause,
  });
}

/** @param supported completes "Supported is …" */
export function unsupportedModel(path: string, key: string, value: unknown, supported: string): CheckpointError {
  return fail('checkpoint-unsupported-model', `${path}: ${key} is ${shown(value)}, which is not supported`, {
    reason: `Supported is ${supported}.`,
    fix: 'Use a MatMul-free LM checkpoint (model type hgrn_bit) in the form of the published ones.',
    facts: { file: path, key },
  });
}

/** Lists and objects are not spelt out: they may be nested deeper than the stack. */
function shown(value: unknown): string {
  if (value === undefined) return 'absent';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value === 'string') return quoted(value);
  // JSON has no word for NaN.
  return typeof value === 'number' ? String(value) : JSON.stringify(value);
}

// safetensors files

export function headerTooLarge(path: string, headerBytes: bigint, limitBytes: number): CheckpointError {
  return fail('checkpoint-bad-header', `${path} announces a header of ${headerBytes} bytes`, {
    reason: `At most ${limitBytes} are read; a file of this size is damaged or not a safetensors file.`,
    fix: DOWNLOAD_AGAIN,
    facts: { file: path, limit_bytes: limitBytes },
  });
}

/** @param problem completes "at byte n of the file: …" */
export function badHeader(path: string, position: number, problem: string): CheckpointError {
  return fail('checkpoint-bad-header', `${path} is not a valid safetensors file`, {
    reason: `At byte ${position} of the file: ${problem}.`,
    fix: DOWNLOAD_AGAIN,
    facts: { file: path, position },
  });
}

/** @param problem completes "tensor "x" …" */
export function badTensorEntry(path: string, tensor: string, problem: string): CheckpointError {
  return fail('checkpoint-bad-header', `${path}: tensor ${quoted(tensor)} ${problem}`, {
    reason: 'The header breaks the safetensors format, so the weights cannot be located.',
    fix: SAVE_AGAIN,
    facts: { file: path, tensor: quoted(tensor).slice(1, -1) },
  });
}

export function trailingBytes(path: string, bytes: number): CheckpointError {
  return fail('checkpoint-bad-header', `${path} has ${counted(bytes, 'byte')} of no tensor at its end`, {
    reason: 'In a safetensors file the tensors fill the data to the last byte.',
    fix: DOWNLOAD_AGAIN,
    facts: { file: path, bytes },
  });
}

// Shards

/** @param problem a whole clause, without the final period */
export function badIndex(path: string, problem: string, cause?: unknown): CheckpointError {
  return fail('checkpoint-bad-index', `${path} does not describe the shards beside it`, {
    reason: `${problem}.`,
    fix: 'Take the index and all shards from the same checkpoint.',
    facts: { file: path },
    cause,
  });
}

// Tensors against the configuration

export function missingTensors(names: readonly string[]): CheckpointError {
  const first = quoted(names[0]);
  return fail(
    'checkpoint-missing-tensor',
    `the checkpoint lacks ${counted(names.length, 'tensor')}, the first is ${first}`,
    {
      reason: 'The model that config.json describes has them.',
      fix: MATCH_FILES,
      facts: { tensor: first.slice(1, -1), tensors: names.length },
    },
  );
}

export function unknownTensors(names: readonly string[]): CheckpointError {
  const first = quoted(names[0]);
  return fail(
    'checkpoint-unknown-tensor',
    `the checkpoint has ${counted(names.length, 'unknown tensor')}, the first is ${first}`,
    {
      reason: 'The model that config.json describes has no such tensors, so the result would be another model.',
      fix: MATCH_FILES,
      facts: { tensor: first.slice(1, -1), tensors: names.length },
    },
  );
}

export function wrongShape(tensor: string, found: readonly number[], expected: readonly number[]): CheckpointError {
  return fail(
    'checkpoint-wrong-shape',
    `tensor ${quoted(tensor)} has shape [${found.join(', ')}], expected [${expected.join(', ')}]`,
    {
      reason: 'The shape follows from config.json.',
      fix: MATCH_FILES,
      facts: { tensor, found: found.join('x'), expected: expected.join('x') },
    },
  );
}

export function wrongDtype(tensor: string, dtype: string): CheckpointError {
  return fail('checkpoint-wrong-dtype', `tensor ${quoted(tensor)} is ${dtype}`, {
    reason:
      'Weights are read from F32, F16 or BF16: ternary weights are made from the float ones, with their own scale.',
    fix: 'Save the float checkpoint, for instance with `model.float().save_pretrained(folder)`.',
    facts: { tensor, dtype },
  });
}

export function notFinite(tensor: string, index: number, value: number): CheckpointError {
  return fail('checkpoint-not-finite', `tensor ${quoted(tensor)} holds ${value} at element ${index}`, {
    reason: 'A training run diverged, a value overflowed float16 when saved, or the file is damaged.',
    fix: 'Save the checkpoint again as float32, or take an earlier one from the training run.',
    facts: { tensor, index },
  });
}

export function embeddingTooLarge(tensor: string, largest: number): CheckpointError {
  return fail('checkpoint-embedding-too-large', `tensor ${quoted(tensor)} holds values up to ${largest}`, {
    reason: 'The integer embedding holds values up to ±1,016; those of trained models are below 10.',
    fix: SAVE_AGAIN,
    facts: { tensor, largest },
  });
}

export function goldenMismatch(path: string, problem: string): CheckpointError {
  return fail('checkpoint-bad-golden', `${path} ${problem}`, {
    reason: 'A golden file holds input_ids [B, T] (I32 or I64) and logits [B, T, V] (F32) of this very checkpoint.',
    fix: 'Export the logits again with this checkpoint, in float32.',
    facts: { file: path },
  });
}

/** @param tensor the norm weight in front of the product */
export function scaleOutOfRange(tensor: string): CheckpointError {
  return fail('checkpoint-scale-out-of-range', `the scale behind tensor ${quoted(tensor)} is out of range`, {
    reason: 'Mean |W| times the norm weights lies outside 2^-58 … 2^30, where no trained model is.',
    fix: SAVE_AGAIN,
    facts: { tensor },
  });
}

export function gradientsMismatch(path: string, problem: string): CheckpointError {
  return fail('checkpoint-bad-golden', `${path} ${problem}`, {
    reason: 'A file of gradients holds d loss / d tensor for each tensor of the checkpoint, by the same names.',
    fix: 'Export the gradients again with this checkpoint, in float32.',
    facts: { file: path },
  });
}
