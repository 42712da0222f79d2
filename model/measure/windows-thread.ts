/** The thread of `windowsOf`: tokenizers work on a text in one go, 100 kB to 1 MB of it a second. */
import { parentPort, workerData } from 'node:worker_threads';
import { loadTokenizer } from '../text/tokenizer.js';
import { evaluationWindows, type WindowsJob } from './windows.js';

// The only one to start this thread is `windowsOf`.
const { text, tokenizerJson, shape, context, limit } = workerData as WindowsJob;
const { encode } = await loadTokenizer(tokenizerJson, shape);
parentPort?.postMessage(evaluationWindows(text, encode, shape.bosTokenId, context, limit));
