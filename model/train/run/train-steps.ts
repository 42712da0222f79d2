/** The steps of a run: windows, gradients, updates. The card is one step ahead of what is reported. */
import type { ModelConfig } from '../../config.js';
import { randomWindows, windowsAt } from '../data/token-stream.js';
import type { TokenSequence } from '../data/token-store.js';
import type { StepReport, Trainer } from '../gpu/trainer.js';
import { diverged } from '../train-error.js';
import { BETAS, EPSILON, rateAt, type Recipe } from './recipe.js';

/** One step that is done. */
export interface DoneStep extends StepReport {
  /** Counted from 1. */
  readonly step: number;
  readonly rate: number;
  /** Whether nothing else is under way: the trainer's state is that of this step. */
  readonly isPause: boolean;
}

type OneStep = Omit<DoneStep, 'isPause'>;

/** Floats that a trainer keeps of one token of a model, about. */
export function rowFloatsOf({ hiddenSize, intermediateSize, layers, vocabSize }: ModelConfig): number {
  return (
    layers * (6 * hiddenSize + 2 * intermediateSize) + 10 * Math.max(hiddenSize, intermediateSize) + vocabSize / 64
  );
}

/**
 * Goes on behind `done` steps until the recipe's last.
 *
 * @param pauses whether nothing is to be under way behind this step; asked once for each, in order, when nothing of the
 *   next one has begun and all before it were given
 * @throws TrainError `train-diverged`, and then no parameter has moved by that step; GpuError
 */
export async function* trainSteps(
  trainer: Trainer,
  tokens: TokenSequence,
  recipe: Recipe,
  done: number,
  pauses: (step: number) => boolean,
): AsyncGenerator<DoneStep, void, undefined> {
  let pending: Promise<OneStep> | undefined;
  for (let step = done + 1; step <= recipe.steps; step++) {
    const report = oneStep(trainer, tokens, recipe, step);
    // A rejection is met when it is awaited.
    report.catch(() => {});
    if (pending) yield await checked(pending, false);
    pending = report;
    if (!pauses(step)) continue;
    yield await checked(pending, true);
    pending = undefined;
  }
}

async function oneStep(trainer: Trainer, tokens: TokenSequence, recipe: Recipe, step: number): Promise<OneStep> {
  const { context, batch, microBatch, decay, clip, seed } = recipe;
  const rate = rateAt(recipe, step);
  trainer.begin();
  for (let first = 0; first < batch; first += microBatch) {
    const draw = { seed: BigInt(seed), step, first, count: microBatch, length: context };
    const { ids, targets } = randomWindows(tokens, draw);
    trainer.microBatch(ids, targets);
  }
  const [beta1, beta2] = BETAS;
  return {
    step,
    rate,
    ...(await trainer.update({ rate, beta1, beta2, epsilon: EPSILON, decay, clip, step })),
  };
}

async function checked(pending: Promise<OneStep>, isPause: boolean): Promise<DoneStep> {
  const done = await pending;
  if (!Number.isFinite(done.loss) || !Number.isFinite(done.gradientNorm)) throw diverged(done.step, done.rate);
  return { ...done, isPause };
}

/** Mean loss over windows of a text, one behind the other, as `eval` cuts them. @param most windows */
export async function heldOutLoss(
  trainer: Trainer,
  tokens: TokenSequence,
  recipe: Recipe,
  most: number,
): Promise<number | undefined> {
  const { context, batch, microBatch } = recipe;
  const count = Math.min(most, Math.floor((tokens.length - 1) / context));
  if (count === 0) return undefined;
  let sum = 0;
  for (let first = 0; first < count; first += microBatch) {
    const starts = Array.from({ length: microBatch }, (_, k) => context * Math.min(first + k, count - 1));
    const { ids, targets } = windowsAt(tokens, starts, context);
    targets.fill(-1, context * (count - first));
    trainer.begin();
    trainer.microBatch(ids, targets);
    sum += await trainer.loss();
  }
  // The trainer divides by the targets of a step.
  return (sum * batch) / count;
}

/** Measures for a second, and moves no parameter. */
export async function secondsOfMicroBatch(
  trainer: Trainer,
  tokens: TokenSequence,
  { count, length }: { readonly count: number; readonly length: number },
): Promise<number> {
  const run = async (times: number): Promise<number> => {
    const startMs = performance.now();
    for (let k = 0; k < times; k++) {
      const { ids, targets } = randomWindows(tokens, { seed: 0n, step: 0, first: k * count, count, length });
      trainer.microBatch(ids, targets);
    }
    await trainer.loss();
    return (performance.now() - startMs) / 1000;
  };
  await run(1); // the first one compiles
  const one = await run(1);
  const times = Math.max(1, Math.min(100, Math.round(1 / one)));
  // A computer that was busy for a moment must not make a run too short.
  return Math.min(one, (await run(times)) / times);
}
