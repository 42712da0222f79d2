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

/** A signal that aborts `delayMs` after another one. Release it when it is not needed any more. */
export function abortLater(
  signal: AbortSignal | undefined,
  delayMs: number,
  clock: Clock,
): { readonly signal: AbortSignal; readonly release: () => void } {
  const controller = new AbortController();
  let cancel = (): void => {};
  const onAbort = (): void => {
    cancel = clock.after(delayMs, () => controller.abort(signal?.reason));
  };
  if (signal?.aborted === true) onAbort();
  else signal?.addEventListener('abort', onAbort);
  const release = (): void => {
    signal?.removeEventListener('abort', onAbort);
    cancel();
  };
  return { signal: controller.signal, release };
}
