/**
 * How long the line takes for a byte, as far as a sender can tell: by when frames are acknowledged that were sent once.
 * A line may hold what it is given for any time, so that nothing else tells. docs/PROTOCOL.md, section 2.
 */

export const SLOWEST_MS_PER_BYTE = 1;
/** For the way there and back, and until a receiver acknowledges. */
const ANSWER_MS = 100;
/** So many bytes tell all; what fewer tell is mostly how long any answer takes. */
const TELLING_BYTES = 1024;
const UNDER_WAY_MS = 1000;
/** Acknowledgements come behind what the peer sends, and lines vary. */
const PATIENCE = 2;
/** A receiver may be slower than the line, if it erases flash. */
const LEAST_PATIENCE_MS_PER_BYTE = 0.1;

export class LinePace {
  /** Both start with nothing known, and come together. */
  #least = 0;
  #most = SLOWEST_MS_PER_BYTE;

  /** @param bytes that were under way when the last of them was sent, `elapsedMs` before it was acknowledged */
  measured(bytes: number, elapsedMs: number): void {
    const msPerByte = Math.min(SLOWEST_MS_PER_BYTE, Math.max(0, elapsedMs - ANSWER_MS) / bytes);
    const weight = Math.min(1, bytes / TELLING_BYTES);
    this.#least += weight * (msPerByte - this.#least);
    this.#most += weight * (msPerByte - this.#most);
  }

  /** An acknowledgement did not come in time: the line may have become slower. */
  missed(): void {
    this.#most = Math.min(SLOWEST_MS_PER_BYTE, 2 * Math.max(this.#most, LEAST_PATIENCE_MS_PER_BYTE));
  }

  /** How many bytes may be under way when another frame goes out: those of a second. */
  get underWayBytes(): number {
    return UNDER_WAY_MS / this.#least;
  }

  /** No acknowledgement for so long need mean nothing. */
  patienceMs(bytes: number): number {
    return bytes * Math.max(LEAST_PATIENCE_MS_PER_BYTE, PATIENCE * this.#most);
  }
}
