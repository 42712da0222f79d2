/** Time, as sessions need it; tests have one of their own. */

export interface Clock {
  /** Milliseconds that never go back. */
  now(): number;
  /** Calls `run` later, unless the result is called before. */
  after(delayMs: number, run: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};
