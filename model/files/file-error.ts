/** Everything that can be wrong with a file that a user names, beside what it holds, in words. */

import { MmfreeError } from '../../protocol/errors.js';
import type { ErrorDetails } from '../../protocol/errors.js';
import { LFS_POINTER_IS, LFS_POINTER_REASON, lfsPointerFix } from './lfs-pointer.js';

export type FileErrorCode =
  /** An output that is the same file as one of the inputs. */
  | 'output-is-input'
  /** An output in whose place there is a folder or a device. */
  | 'output-not-a-file'
  /** An input that must be a regular file. */
  | 'input-not-a-file'
  /** An input in whose place a pointer of Git LFS lies. */
  | 'input-lfs-pointer'
  /** An input that is longer than any real one. */
  | 'input-too-large'
  /** Another program holds the lock of a file. */
  | 'file-in-use'
  /** This computer has no way to lock a file. */
  | 'lock-unavailable';

/** A file that cannot be used in this way. `facts` names it. */
export class FileError extends MmfreeError<FileErrorCode> {}

function fail(code: FileErrorCode, message: string, details: ErrorDetails): FileError {
  return new FileError(code, message, details);
}

export function outputIsInput(output: string, input: string): FileError {
  const same = output === input ? 'is read by this command' : `is the same file as ${input}, which this command reads`;
  return fail('output-is-input', `${output} would be overwritten, but it ${same}`, {
    reason: 'An output never takes the place of an input, by whatever name or link.',
    fix: 'Give the output another path.',
    facts: { file: output, input },
  });
}

/** @param kind such as `a folder` */
export function outputNotAFile(path: string, kind: string): FileError {
  return fail('output-not-a-file', `${path} is ${kind}`, {
    reason: 'The output is a file, which takes the place of what is there.',
    fix: 'Give a path where nothing is yet, or that of a file.',
    facts: { file: path },
  });
}

/** @param kind such as `a pipe` */
export function inputNotAFile(path: string, kind: string): FileError {
  return fail('input-not-a-file', `${path} is ${kind}, not a regular file`, {
    reason: 'It is read only from a file that stays as it is.',
    fix: 'Write it to a file first, and give the path of that.',
    facts: { file: path },
  });
}

export function inputIsLfsPointer(path: string): FileError {
  return fail('input-lfs-pointer', `${path} ${LFS_POINTER_IS}`, {
    reason: LFS_POINTER_REASON,
    fix: lfsPointerFix('the folder of that file'),
    facts: { file: path },
  });
}

/** @param name the path, or `standard input` */
export function inputTooLarge(name: string, limitBytes: number): FileError {
  return fail('input-too-large', `${name} has more than ${limitBytes} bytes`, {
    reason: 'More is not read, so that what never ends does not fill the memory.',
    fix: 'Give a shorter one.',
    facts: { file: name, limit_bytes: limitBytes },
  });
}

export function fileInUse(path: string): FileError {
  return fail('file-in-use', `${path} is in use by another program`, {
    reason: 'It holds the lock of this very file, by this name or another one.',
    fix: `End that program (\`fuser ${path}\` names it), or give another file.`,
    facts: { file: path },
  });
}

/** @param problem what was tried, and how it ended */
export function lockUnavailable(path: string, problem: string, cause?: unknown): FileError {
  return fail('lock-unavailable', `${path} cannot be locked: ${problem}`, {
    reason: 'Two programs that write to one such file destroy it, so without a lock none does.',
    fix: 'Install `flock` (Debian: the package util-linux), or do without the file: what it would hold is kept in memory then.',
    facts: { file: path },
    cause,
  });
}
