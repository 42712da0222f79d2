/** One thread of `evaluate`: loads the model and scores every `stride`-th window. */
import { parentPort, workerData } from 'node:worker_threads';
import type { EvaluationJob, WindowResult } from './evaluate.js';
import { loadScoredModel, windowLoss } from './score.js';

// The only one to start this thread is `evaluate`.
const { subject, windows, first, stride } = workerData as EvaluationJob;
const { model, logitUnit } = await loadScoredModel(subject);
for (let window = first; window < windows.length; window += stride) {
  const result: WindowResult = { window, loss: windowLoss(model, logitUnit, windows[window]) };
  parentPort?.postMessage(result);
}
