/**
 * The loss of a model on many windows: shared out to threads, since each window starts with a fresh state.
 */
import { runThread } from '../thread.js';
import type { EvaluationSubject } from './score.js';
import type { EvaluationWindow } from './windows.js';

/** What a thread is started with. */
export interface EvaluationJob {
  readonly subject: EvaluationSubject;
  readonly windows: readonly EvaluationWindow[];
  /** The windows of this thread: `first`, `first + stride`, … */
  readonly first: number;
  readonly stride: number;
}

/** What a thread reports. */
export interface WindowResult {
  readonly window: number;
  readonly loss: number;
}

/**
 * The loss of each window, in order, computed by `threads` threads that each load the model.
 *
 * @param onWindow called as windows are done, in any order
 * @throws what loading the subject throws, and the signal's reason
 */
export async function evaluate(
  subject: EvaluationSubject,
  windows: readonly EvaluationWindow[],
  threads: number,
  onWindow: (result: WindowResult) => void,
  signal?: AbortSignal,
): Promise<number[]> {
  const losses = Array.from({ length: windows.length }, () => NaN);
  const stride = Math.min(threads, windows.length);
  // One that fails ends the others.
  const ending = new AbortController();
  const run = async (first: number): Promise<void> => {
    const job: EvaluationJob = { subject, windows, first, stride };
    await runThread<WindowResult>(new URL('evaluate-thread.js', import.meta.url), job, {
      signal: signal === undefined ? ending.signal : AbortSignal.any([signal, ending.signal]),
      onMessage: (result) => {
        losses[result.window] = result.loss;
        onWindow(result);
      },
    });
  };
  await Promise.all(Array.from({ length: stride }, (_, first) => run(first))).finally(() => ending.abort());
  return losses;
}
