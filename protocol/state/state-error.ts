/** Everything that can be wrong with a saved state, in words. */

import { MmfreeError } from '../errors.js';

export type StateErrorCode =
  /** The first bytes are those of something else. */
  | 'not-a-state'
  /** A later format. */
  | 'state-unsupported-version'
  /** Bytes are missing, or a checksum does not match. */
  | 'state-damaged'
  /** The bytes are whole, and say what no machine can have reached. */
  | 'state-impossible'
  /** A good state, of another image. */
  | 'state-other-image';

/** A state that cannot be used. */
export class StateError extends MmfreeError<StateErrorCode> {}

const COPY_AGAIN = 'Copy the file again from where it was saved, or begin a new text.';
const NOT_OURS = 'Do not use this state: no machine saved it. Begin a new text.';

export function notAState(): StateError {
  return new StateError('not-a-state', 'this is no saved state', {
    reason: 'It does not begin with "MMFS".',
    fix: 'Name a file with a saved state.',
  });
}

export function unsupportedState(version: number): StateError {
  return new StateError('state-unsupported-version', `the state has format ${version}`, {
    reason: 'This program reads format 1.',
    fix: 'Use a later version of mmfree.',
    facts: { version },
  });
}

/** @param problem a clause */
export function stateDamaged(problem: string): StateError {
  return new StateError('state-damaged', 'the state is damaged', { reason: `In it, ${problem}.`, fix: COPY_AGAIN });
}

/** @param problem a clause */
export function impossibleState(problem: string): StateError {
  return new StateError('state-impossible', 'no machine can have reached this state', {
    reason: `Its checksums are right, but ${problem}.`,
    fix: NOT_OURS,
  });
}

/** @param expected SHA-256 in hexadecimal of the image at hand @param found that of the state */
export function stateOfOtherImage(expected: string, found: string): StateError {
  return new StateError('state-other-image', 'the state is one of another image', {
    reason: `It belongs to the image with SHA-256 ${found.slice(0, 16)}…, not to ${expected.slice(0, 16)}….`,
    fix: 'Use the image that it was saved with, or begin a new text.',
    facts: { expected_sha256: expected, state_sha256: found },
  });
}
