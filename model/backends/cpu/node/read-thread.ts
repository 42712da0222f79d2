/** A thread that reads a part of the memory whenever it is told to: `memory-reader.ts`. */
import { parentPort, workerData } from 'node:worker_threads';
import { readerOf, type ReadableMemory } from '../read-memory.js';
import type { ReadOrder } from './memory-reader.js';

const readAll = readerOf(workerData as ReadableMemory);

parentPort?.on('message', ({ from, to, passes }: ReadOrder) => {
  let sum = 0n;
  for (let pass = 0; pass < passes; pass++) sum += readAll(from, to);
  parentPort?.postMessage(sum);
});
