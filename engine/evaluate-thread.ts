/** One thread of `evaluate`: opens the model and scores every `stride`-th window. */
import { parentPort, workerData } from 'node:worker_threads';
import { openCheckpoint } from '../model/checkpoint/checkpoint.js';
import { FloatModel } from '../model/measure/float-model.js';
import { windowLoss } from '../model/measure/score.js';
import { evaluateOn, type EvaluationJob, type WindowResult } from './evaluate.js';
import { machineKind } from './machines.js';

// The only one to start this thread is `evaluate`.
const { subject, windows, first, stride } = workerData as EvaluationJob;
const numbers = windows.map((_, window) => window).filter((window) => window % stride === first);
const report = (result: WindowResult): void => parentPort?.postMessage(result);

if (subject.kind === 'image') {
  const options = { signal: new AbortController().signal, onNote: (): void => {} };
  const { machine } = await machineKind(subject.machine).open({ image: subject.path }, options);
  await evaluateOn(machine, windows, numbers, report);
} else {
  const checkpoint = await openCheckpoint(subject.path);
  const model = await FloatModel.load(checkpoint);
  await checkpoint.close();
  for (const window of numbers) report({ window, loss: windowLoss(model, 1, windows[window]!) });
}
