/** Checkpoint errors as values, so that a test can look at them. Any other error fails the test. */

import { CheckpointError } from '../../model/checkpoint/checkpoint-error.js';

/** The result of `run`, or the CheckpointError it throws. */
export function attempt<T>(run: () => T): T | CheckpointError {
  try {
    return run();
  } catch (error) {
    return asRefusal(error);
  }
}

/** The CheckpointError that `run` throws. */
export function refusalOf(run: () => unknown): CheckpointError {
  return asRefusal(attempt(run));
}

/** The CheckpointError with which `promise` is rejected. */
export async function rejectionOf(promise: Promise<unknown>): Promise<CheckpointError> {
  return asRefusal(await promise.catch((error: unknown) => asRefusal(error)));
}

function asRefusal(result: unknown): CheckpointError {
  if (result instanceof CheckpointError) return result;
  if (result instanceof Error) throw result;
  throw new Error('was not refused');
}
