/**
 * A thread that is asked one thing after the other, for what would hold up everybody: what takes too long, or too much
 * memory, ends with its thread, and a new one is started for the next.
 */
import { Worker, type TransferListItem } from 'node:worker_threads';
import { packageFile } from '../../model/package-file.js';
import { Turns } from './turns.js';

/** What was asked came to no answer. */
export class ThreadProblem extends Error {
  override readonly name = 'ThreadProblem';
}

export interface AskedThreadOptions {
  /** Compiled, also where its starter runs from its source, in tests: no thread does. */
  readonly file: string;
  /** Its `workerData`. */
  readonly data?: unknown;
  readonly memoryMb: number;
}

export interface Asking {
  readonly limitMs: number;
  /** Who asks: owners take turns. */
  readonly owner: string;
  readonly transfer?: readonly TransferListItem[];
}

const START_LIMIT_MS = 60_000;

export class AskedThread<Request, Answer> {
  readonly #options: AskedThreadOptions;
  readonly #turns = new Turns();
  #worker: Worker | undefined;

  /**
   * Started when it is asked first. The thread says something, whatever it is, when it has loaded what it needs, and
   * answers each message with one.
   */
  constructor(options: AskedThreadOptions) {
    this.#options = options;
  }

  /** @throws ThreadProblem */
  async ask(request: Request, asking: Asking): Promise<Answer> {
    return await this.#turns.take(asking.owner, async () => await this.#post(request, asking));
  }

  /** Behind what was asked of it. */
  async close(): Promise<void> {
    await this.#turns.idle();
    await this.#worker?.terminate();
  }

  async #post(request: Request, { limitMs, transfer = [] }: Asking): Promise<Answer> {
    if (this.#worker === undefined) {
      const { file, data, memoryMb } = this.#options;
      const resourceLimits = { maxOldGenerationSizeMb: memoryMb };
      this.#worker = new Worker(packageFile(file), { workerData: data, resourceLimits });
      // No part of the request's time.
      await this.#heard(this.#worker, START_LIMIT_MS);
    }
    this.#worker.postMessage(request, transfer);
    return await this.#heard(this.#worker, limitMs);
  }

  /** What the thread says next; one that is late or has failed is ended. @throws ThreadProblem */
  async #heard(worker: Worker, limitMs: number): Promise<Answer> {
    worker.ref();
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<Answer>((resolve, reject) => {
        timer = setTimeout(() => reject(new ThreadProblem(`it takes longer than ${limitMs / 1000} s`)), limitMs);
        worker.once('message', resolve);
        worker.once('error', (error) => reject(new ThreadProblem(error.message)));
      });
    } catch (error) {
      this.#worker = undefined;
      await worker.terminate();
      throw error;
    } finally {
      clearTimeout(timer);
      // All at once, Node's own would go with them, and nothing be heard any more.
      worker.removeAllListeners('message').removeAllListeners('error');
      worker.unref();
    }
  }
}
