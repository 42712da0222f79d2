/**
 * Starts the threads of the machine `cpu` in Node. The first one can be started before it is known what it shall
 * compute: that takes a thread as long as it takes the program to load what it needs to know.
 */
import { availableParallelism } from 'node:os';
import { Worker, type WorkerOptions } from 'node:worker_threads';
import { programFile } from '../../../program-file.js';
import type { NodeCpuJob } from './cpu-thread.js';
import type { HelperOrder } from './helper-thread.js';

/** Compiled, also where its starter runs from its source, in tests: no thread does. */
const FIRST = 'model/backends/cpu/node/cpu-thread.js';
const HELPER = 'model/backends/cpu/node/helper-thread.js';

/**
 * Of new objects, which are few and short-lived: left to itself, V8 keeps megabytes for them. Of the others: where a
 * limit below 2 GB is named, V8 takes two megabytes less for the thread from the beginning (Node 22, 24 and 26; one on
 * 20). Nothing ends at these limits: what lasts, such as a long prompt, is numbers by the million, or kept elsewhere.
 */
const LIMITS = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 1024 };
/** After so long nobody wants it: another machine was found. */
const WANTED_MS = 5000;

/** A first thread without a job. */
let ahead: Worker | undefined;

/** Starts a first thread for the machine that will be opened next, unless there is no core for it. */
export function startAhead(): void {
  if (ahead !== undefined || availableParallelism() === 1) return;
  const worker = start(FIRST);
  const forget = (): void => void (ahead = ahead === worker ? undefined : ahead);
  worker.unref();
  // If it cannot be started, the machine says so, which tries again.
  worker.on('error', forget).on('exit', forget);
  setTimeout(() => {
    if (ahead !== worker) return;
    forget();
    void worker.terminate();
  }, WANTED_MS).unref();
  ahead = worker;
}

/** Has a thread do something: the first one, or a helper. */
export function startThread(order: NodeCpuJob | HelperOrder): Worker {
  if ('port' in order) return start(HELPER, { workerData: order, transferList: [order.port] });
  const worker = ahead ?? start(FIRST);
  ahead = undefined;
  worker.ref();
  worker.postMessage(order);
  return worker;
}

function start(script: string, options?: WorkerOptions): Worker {
  // Without the options of the program: `--input-type` would be refused for a file, and what `--import` brings is not
  // for these threads.
  return new Worker(programFile(script), { ...options, execArgv: [], resourceLimits: LIMITS });
}
