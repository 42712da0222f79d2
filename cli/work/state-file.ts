/** Saved states as files that the user names. */
import { closeSync, readSync } from 'node:fs';
import { FileError } from '../../model/files/file-error.js';
import { openRegular, readRegular } from '../../model/files/input-file.js';
import { StateError, stateDamaged } from '../../protocol/state/state-error.js';
import { decodeState, isState, MAX_STATE_BYTES, type SavedState } from '../../protocol/state/state-file.js';

/**
 * Reads and checks all of it.
 *
 * @throws StateError; FileError `input-not-a-file`; the operating system's error; AbortError
 */
export async function readStateFile(path: string, signal: AbortSignal): Promise<SavedState> {
  try {
    return decodeState(await readRegular(path, { limitBytes: MAX_STATE_BYTES, signal }));
  } catch (error) {
    const isTooLarge = error instanceof FileError && error.code === 'input-too-large';
    const problem = isTooLarge ? stateDamaged('there are more bytes than any state has') : error;
    throw problem instanceof StateError ? ofFile(problem, path) : problem;
  }
}

/** The error says of which file it is. */
function ofFile(error: StateError, path: string): StateError {
  const { code, message, reason, fix, facts } = error;
  return new StateError(code, `${path}: ${message}`, { reason, fix, facts: { ...facts, file: path }, cause: error });
}

/** Whether a file says that it is a state; false for what cannot be read. */
export function isStateFile(path: string): boolean {
  let descriptor: number | undefined;
  try {
    descriptor = openRegular(path);
    const start = new Uint8Array(4);
    return readSync(descriptor, start) === start.length && isState(start);
  } catch {
    return false;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
