/**
 * The loss of a model on many windows, each of which starts with a fresh state: side by side on a machine that computes
 * several sequences at once, or shared out to threads that each open the model.
 */
import { availableParallelism } from 'node:os';
import type { Machine } from '../model/machine/machine.js';
import { negativeLogLikelihood } from '../model/measure/score.js';
import type { EvaluationWindow } from '../model/measure/windows.js';
import { runThread } from '../model/thread.js';
import { machineKind } from './machines.js';
import type { EngineOptions } from './options.js';

/** What is scored: the float model of a checkpoint, or a checked image on a kind of machine. */
export type EvaluationSubject =
  | { readonly kind: 'checkpoint'; readonly path: string }
  | { readonly kind: 'image'; readonly path: string; readonly machine: string };

/** What a thread is started with. */
export interface EvaluationJob {
  readonly subject: EvaluationSubject;
  readonly windows: readonly EvaluationWindow[];
  /** The windows of this thread: `first`, `first + stride`, … */
  readonly first: number;
  readonly stride: number;
}

/** What is reported of a window. */
export interface WindowResult {
  readonly window: number;
  readonly loss: number;
}

/** Windows side by side at most: more do not make a step of a batch cheaper. */
const SIDE_BY_SIDE = 32;
/** Logits are Q12. */
const LOGIT_UNIT = 2 ** -12;

/**
 * The loss of each window, in order.
 *
 * @param threads at most; a GPU needs none
 * @param onWindow called as windows are done, in any order
 * @throws what opening the subject throws, and the signal's reason
 */
export async function evaluate(
  subject: EvaluationSubject,
  windows: readonly EvaluationWindow[],
  threads: number | undefined,
  onWindow: (result: WindowResult) => void,
  options: EngineOptions,
): Promise<number[]> {
  const losses = windows.map(() => NaN);
  const keep = (result: WindowResult): void => {
    losses[result.window] = result.loss;
    onWindow(result);
  };
  const kind = subject.kind === 'image' ? machineKind(subject.machine) : undefined;
  if (kind?.onThisThread === false) {
    const { machine } = await kind.open({ image: subject.path, threads }, options);
    try {
      await evaluateOn(machine, windows, windows.keys(), keep, options.signal);
    } finally {
      await machine.close();
    }
  } else {
    await evaluateInThreads(subject, windows, threads ?? availableParallelism(), keep, options.signal);
  }
  options.signal.throwIfAborted();
  return losses;
}

/**
 * The loss of some of the windows, mean −log p(target) in nats.
 *
 * @throws the signal's reason; what the machine throws
 */
export async function evaluateOn(
  machine: Machine,
  windows: readonly EvaluationWindow[],
  numbers: Iterable<number>,
  onWindow: (result: WindowResult) => void,
  signal?: AbortSignal,
): Promise<void> {
  const { can, sequences } = machine.facts;
  const waiting = [...numbers];
  const work = async (): Promise<void> => {
    const sequence = await machine.open();
    try {
      for (let window = waiting.shift(); window !== undefined; window = waiting.shift()) {
        const { inputs, targets } = windows[window]!;
        await sequence.reset();
        let sum = 0;
        let k = 0;
        for await (const { logits } of sequence.feed(Array.from(inputs), { want: 'logits', signal })) {
          sum += negativeLogLikelihood(logits!, LOGIT_UNIT, targets[k++]!);
        }
        signal?.throwIfAborted();
        onWindow({ window, loss: sum / inputs.length });
      }
    } finally {
      await sequence.close();
    }
  };
  const count = can.batches ? Math.min(SIDE_BY_SIDE, sequences, waiting.length) : 1;
  await Promise.all(Array.from({ length: count }, work));
}

async function evaluateInThreads(
  subject: EvaluationSubject,
  windows: readonly EvaluationWindow[],
  threads: number,
  onWindow: (result: WindowResult) => void,
  signal: AbortSignal,
): Promise<void> {
  const stride = Math.min(threads, windows.length);
  // One that fails ends the others.
  const ending = new AbortController();
  const run = async (first: number): Promise<void> => {
    const job: EvaluationJob = { subject, windows, first, stride };
    await runThread<WindowResult>('dist/engine/evaluate-thread.js', job, {
      signal: AbortSignal.any([signal, ending.signal]),
      onMessage: onWindow,
    });
  };
  await Promise.all(Array.from({ length: stride }, (_, first) => run(first))).finally(() => ending.abort());
}
