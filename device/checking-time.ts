/** How long a board is waited for that checks an image, as it does after a flash and before it runs one. */

/** A microcontroller computes its self-test, and may be emulated on a busy computer. */
const LEAST_MS = 30_000;
const CHECKED_BYTES_PER_MS = 1000;

/** @param imageBytes its length, or the most that the board has room for */
export function checkingMs(imageBytes: number): number {
  return LEAST_MS + imageBytes / CHECKED_BYTES_PER_MS;
}
