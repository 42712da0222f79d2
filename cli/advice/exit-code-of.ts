/** Anything that was thrown → the exit code. */

import { isShortage } from '../../protocol/system-error.js';
import { EXIT, type ExitCode } from '../exit-codes.js';

/**
 * Exit code of each error class. By name, because importing the classes would load the code of every area before it is
 * known which command runs.
 */
const EXIT_OF_CLASS: ReadonlyMap<string, ExitCode> = new Map([
  ['UsageError', EXIT.usage],
  ['FileError', EXIT.usage],
  ['ImageError', EXIT.badImage],
  ['CheckpointError', EXIT.badImage],
  ['TokenizerError', EXIT.badImage],
  ['ProgramError', EXIT.badImage],
  ['StateError', EXIT.badImage],
  ['EngineError', EXIT.usage],
  ['MismatchError', EXIT.mismatch],
  ['TrainError', EXIT.usage],
  ['AbortError', EXIT.interrupted],
]);

/** Exit codes of errors for which their class says too little. */
const EXIT_OF_CODE: ReadonlyMap<string, ExitCode> = new Map([
  ['image-bad-signature', EXIT.wrongSignature],
  ['state-other-image', EXIT.wrongBoard],
  ['machine-without-states', EXIT.wrongBoard],
  // Of a board's flash: another board has it.
  ['file-in-use', EXIT.boardBusy],
  ['lock-unavailable', EXIT.noTool],
  ['board-not-found', EXIT.noBoard],
  ['board-denied', EXIT.accessDenied],
  ['board-wants-key', EXIT.accessDenied],
  ['board-wrong-key', EXIT.accessDenied],
  ['board-without-key', EXIT.accessDenied],
  ['board-busy', EXIT.boardBusy],
  ['board-ambiguous', EXIT.ambiguousBoard],
  ['board-silent', EXIT.noAnswer],
  ['board-other-protocol', EXIT.noAnswer],
  ['board-lost', EXIT.transferFailed],
  ['board-flapping', EXIT.transferFailed],
  ['board-malformed', EXIT.transferFailed],
  ['board-unknown-request', EXIT.transferFailed],
  ['board-cannot-restart', EXIT.wrongBoard],
  ['board-no-image', EXIT.badImage],
  ['board-other-image', EXIT.wrongBoard],
  ['board-refuses-image', EXIT.badImage],
  ['board-image-too-large', EXIT.imageTooLarge],
  ['board-model-too-large', EXIT.wrongBoard],
  ['board-revision-too-old', EXIT.revisionTooOld],
  ['board-not-signed', EXIT.notSigned],
  ['board-signature-wrong', EXIT.wrongSignature],
  ['board-write-failed', EXIT.transferFailed],
  ['board-write-protected', EXIT.transferFailed],
  ['board-wrong-tokens', EXIT.mismatch],
  ['board-wrong-driver', EXIT.wrongDriver],
  ['board-broken', EXIT.brokenBoard],
  ['board-not-flashable', EXIT.wrongBoard],
  ['board-other-device', EXIT.wrongBoard],
  ['needs-root', EXIT.accessDenied],
  ['usb-unavailable', EXIT.transferFailed],
  ['gateware-tool-missing', EXIT.noTool],
  ['gateware-tool-failed', EXIT.noTool],
  ['firmware-tool-missing', EXIT.noTool],
  ['firmware-tool-failed', EXIT.noTool],
  ['train-no-gpu', EXIT.noGpu],
  ['train-too-large', EXIT.wrongBoard],
  ['train-diverged', EXIT.diverged],
  ['peer-missing', EXIT.noTool],
  ['peer-failed', EXIT.noTool],
  // Of GPUs as of boards, where it is the same thing.
  ['cpu-too-large', EXIT.imageTooLarge],
  ['cpu-unsupported', EXIT.wrongBoard],
  ['cpu-failed', EXIT.internalError],
  ['gpu-package', EXIT.noGpu],
  ['gpu-not-found', EXIT.noGpu],
  ['gpu-too-small', EXIT.wrongBoard],
  ['gpu-out-of-memory', EXIT.imageTooLarge],
  ['gpu-lost', EXIT.noAnswer],
  ['gpu-failed', EXIT.internalError],
]);

/** Exit codes of what the operating system refuses. */
const EXIT_OF_SYSTEM_ERROR: ReadonlyMap<string, ExitCode> = new Map([
  // Of the process, or of all of them: nothing is wrong with the file.
  ['EMFILE', EXIT.transferFailed],
  ['ENFILE', EXIT.transferFailed],
  ['ENOMEM', EXIT.transferFailed],
  ['EFBIG', EXIT.transferFailed],
  ['ENOENT', EXIT.usage],
  ['ENOTDIR', EXIT.usage],
  ['EISDIR', EXIT.usage],
  ['ELOOP', EXIT.usage],
  ['ENAMETOOLONG', EXIT.usage],
  ['EEXIST', EXIT.usage],
  ['ENOTEMPTY', EXIT.usage],
  ['EACCES', EXIT.accessDenied],
  ['EPERM', EXIT.accessDenied],
  ['EROFS', EXIT.accessDenied],
  ['ENOSPC', EXIT.transferFailed],
  ['EDQUOT', EXIT.transferFailed],
  ['EIO', EXIT.transferFailed],
  ['EADDRINUSE', EXIT.usage],
  ['ENOTFOUND', EXIT.usage],
  ['EAI_AGAIN', EXIT.usage],
  ['EADDRNOTAVAIL', EXIT.usage],
]);

const UNWRITABLE: ReadonlySet<string> = new Set(['image-unwritable', 'train-unwritable']);

/** The exit code for anything that was thrown. What is not known is a mistake in this program. */
export function exitCodeOf(error: unknown): ExitCode {
  if (!(error instanceof Error)) return EXIT.internalError;
  // What was found stands for itself.
  if ('code' in error && error.code === 'doctor-failed' && error.cause !== undefined) return exitCodeOf(error.cause);
  // Nothing is wrong with the image or the run then, but with the place that it was to go to.
  if ('code' in error && UNWRITABLE.has(String(error.code))) return exitCodeOf(error.cause);
  // Nor when the computer is short of something.
  if (isShortage(error.cause)) return exitCodeOf(error.cause);
  const code = 'code' in error ? String(error.code) : '';
  const system = 'syscall' in error ? EXIT_OF_SYSTEM_ERROR.get(code) : undefined;
  return EXIT_OF_CODE.get(code) ?? EXIT_OF_CLASS.get(error.name) ?? system ?? EXIT.internalError;
}
