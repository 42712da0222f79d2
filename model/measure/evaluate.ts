/**
 * The loss of a model on many windows: shared out to threads, since each window starts with a fresh state.
 */
import { Worker } from 'node:worker_threads';
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
  const run = (first: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const job: EvaluationJob = { subject, windows, first, stride };
      const worker = new Worker(new URL('evaluate-thread.js', import.meta.url), { workerData: job });
      const stop = (): void => void worker.terminate();
      signal?.addEventListener('abort', stop);
      worker.on('message', (result: WindowResult) => {
        losses[result.window] = result.loss;
        onWindow(result);
      });
      worker.on('error', reject);
      worker.on('exit', () => {
        signal?.removeEventListener('abort', stop);
        resolve();
      });
    });
  await Promise.all(Array.from({ length: stride }, (_, first) => run(first)));
  signal?.throwIfAborted();
  return losses;
}
