/** A helper of the machine `cpu` in Node. It loads nothing that it does not need: each helper has its own copy. */
import { receiveMessageOnPort, workerData, type MessagePort } from 'node:worker_threads';
import { help, type HelperJob } from '../helper.js';

/** What a helper is started with: a port with its `HelperJob`, so that nobody between holds the memory. */
export interface HelperOrder {
  readonly port: MessagePort;
}

// The only one to start this thread is `startThreads`. Whoever compiled the modules has turned on what they need.
help((receiveMessageOnPort((workerData as HelperOrder).port) as { message: HelperJob }).message);
