/** Work in a thread: what takes more than a moment at a stretch, so that Ctrl-C is heard meanwhile. Node only. */
import { Worker } from 'node:worker_threads';
import { packageFile } from './package-file.js';

export interface ThreadOptions<Message> {
  /** Ends the thread, wherever it is; the promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly onMessage?: (message: Message) => void;
}

/**
 * Runs a script in a thread to its end.
 *
 * @param script path of a compiled module relative to package.json
 * @param job its `workerData`
 * @throws what the thread throws, with all its fields but without its class; the signal's reason
 */
export async function runThread<Message>(
  script: string,
  job: unknown,
  { signal, onMessage }: ThreadOptions<Message> = {},
): Promise<void> {
  signal?.throwIfAborted();
  const worker = new Worker(packageFile(script), { workerData: job });
  const stop = (): void => void worker.terminate();
  signal?.addEventListener('abort', stop);
  try {
    await new Promise<void>((resolve, reject) => {
      if (onMessage !== undefined) worker.on('message', onMessage);
      worker.on('error', reject);
      // After an error it is rejected already.
      worker.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`a thread ended with ${code}`))));
    });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
  signal?.throwIfAborted();
}
