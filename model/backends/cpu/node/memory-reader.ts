/**
 * How fast this computer reads memory: the bound of everything that reads all weights for each token.
 *
 * Threads read 256 MiB, which no cache holds, each its share. In WebAssembly, as the kernels are: what this does not
 * reach, they do not either.
 */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { packageFile } from '../../../package-file.js';
import { makeReadable, ROUND_BYTES } from '../read-memory.js';

const BYTES = 2 ** 28;
/** So many that starting them takes no part of the time. */
const PASSES = 8;

/** What a thread is told: addresses, and how often. */
export interface ReadOrder {
  readonly from: number;
  readonly to: number;
  readonly passes: number;
}

export class MemoryReader {
  readonly #workers: readonly Worker[];

  private constructor(workers: readonly Worker[]) {
    this.#workers = workers;
  }

  /** @param threads at most */
  static async create(threads: number): Promise<MemoryReader> {
    const wasm = await readFile(packageFile('dist/model/backends/cpu/read-all.wasm'));
    const workerData = await makeReadable(new Uint8Array(wasm), BYTES);
    const script = packageFile('dist/model/backends/cpu/node/read-thread.js');
    return new MemoryReader(Array.from({ length: threads }, () => new Worker(script, { workerData })));
  }

  /** Reads everything several times with so many threads. @returns bytes that were read */
  async read(threads: number): Promise<number> {
    const boundary = (k: number): number => ROUND_BYTES * Math.floor((k * BYTES) / threads / ROUND_BYTES);
    const reads = this.#workers.slice(0, threads).map(async (worker, k) => {
      const order: ReadOrder = { from: boundary(k), to: boundary(k + 1), passes: PASSES };
      worker.postMessage(order);
      await once(worker, 'message');
    });
    await Promise.all(reads);
    return PASSES * BYTES;
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map(async (worker) => await worker.terminate()));
  }
}
