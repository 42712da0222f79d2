/** The thread of `runSelfTest`. */
import { parentPort, workerData } from 'node:worker_threads';
import { selfTestOfFile, type SelfTestJob } from './self-test.js';

// The only one to start this thread is `runSelfTest`.
parentPort?.postMessage(selfTestOfFile(workerData as SelfTestJob));
