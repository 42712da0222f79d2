/** Image errors as values, so that a test can look at them. Any other error fails the test. */

import { ImageError } from '../../protocol/image/image-error.js';

/** The ImageError that `run` throws, or undefined. */
export function imageRefusal(run: () => unknown): ImageError | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof ImageError) return error;
    throw error;
  }
}
