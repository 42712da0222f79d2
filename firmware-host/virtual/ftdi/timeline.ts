/**
 * The time of what hangs on an MPSSE: that of the computer, or ahead of it by the clocks that were sent. The engine
 * here is as fast as the computer, but a flash that was given 10 ms of clocks to finish has had 10 ms.
 */

export class Timeline {
  readonly #wall: () => number;
  #ms = 0;

  /** @param wall milliseconds that never go back */
  constructor(wall: () => number) {
    this.#wall = wall;
    this.#ms = wall();
  }

  /** Milliseconds. */
  readonly now = (): number => this.#ms;

  /** Catches up with the computer, before something is done. */
  catchUp(): void {
    this.#ms = Math.max(this.#ms, this.#wall());
  }

  pass(durationMs: number): void {
    this.#ms += durationMs;
  }
}
