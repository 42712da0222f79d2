/** `mmfree train`: the steps as they come: what is shown, written down and saved. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { writeOutput } from '../../../model/files/output-file.js';
import type { TokenSequence } from '../../../model/train/data/token-store.js';
import { weightsOf } from '../../../model/train/gpu/parameter-layout.js';
import type { Trainer } from '../../../model/train/gpu/trainer.js';
import { lossCurves } from '../../../model/train/run/loss-curve.js';
import type { Recipe } from '../../../model/train/run/recipe.js';
import { linesUpTo, loggedStep, STEP_LOG } from '../../../model/train/run/step-log.js';
import { readState, saveCheckpoint, saveState } from '../../../model/train/run/save.js';
import type { Tensors } from '../../../model/train/parameters.js';
import { heldOutLoss, trainSteps } from '../../../model/train/run/train-steps.js';
import { divergedWithout, TrainError, unwritable } from '../../../model/train/train-error.js';
import { counted } from '../../../protocol/counted.js';
import type { CommandContext } from '../../command.js';
import type { PreparedModel } from './prepare-model.js';
import { sampleTexts } from './samples.js';

export interface Run {
  readonly folder: string;
  readonly model: PreparedModel;
  readonly tokens: TokenSequence;
  readonly trainer: Trainer;
  readonly recipe: Recipe;
  /** Steps that were done before. */
  readonly done: number;
  /** Those of their lines of `train.jsonl` that are there. */
  readonly lines: readonly string[];
  readonly heldOut?: TokenSequence;
  /** Seconds. */
  readonly saveEvery: number;
  /** Whether the checkpoint is to be in F16. */
  readonly half: boolean;
}

/** Windows of the held-out text: as many as say something, within seconds. */
const HELD_OUT_WINDOWS = 400;

/** Goes through all steps. Ends early when the signal says so, with a state to go on from. */
export async function followRun(run: Run, context: CommandContext): Promise<void> {
  const { folder, trainer, recipe, tokens, done } = run;
  const { output, signal } = context;
  const perStep = recipe.batch * recipe.context;
  const path = join(folder, STEP_LOG);
  await writeOutput(path, run.lines.map((line) => `${line}\n`).join(''));
  const gpuMemory = `${(trainer.allocatedBytes / 2 ** 20).toFixed(0)} MiB on the GPU`;
  output.note(
    `${weightsOf(trainer.layout).toLocaleString('en-US')} weights, ${tokens.length.toLocaleString('en-US')} tokens of text; ${counted(recipe.steps, 'step')} of ${recipe.batch} × ${recipe.context} tokens; ${gpuMemory}`,
  );
  // Ctrl-C: the state is written, so that nothing is lost.
  context.takeTimeToEnd(30_000);
  const progress = output.progress({ label: 'train', unit: 'tokens', total: recipe.steps * perStep });
  progress.begin(done * perStep);
  let saved = done;
  let savedMs = performance.now();
  const isDue = (step: number): boolean =>
    step === recipe.steps || signal.aborted || performance.now() - savedMs >= 1000 * run.saveEvery;
  const each = Math.max(1, Math.round(recipe.steps / 20));
  const log = await open(path, 'a');
  try {
    for await (const { step, loss, gradientNorm, rate, isPause } of trainSteps(trainer, tokens, recipe, done, isDue)) {
      const fields = { step, tokens: step * perStep, loss, gradient_norm: gradientNorm, rate };
      await log.appendFile(`${JSON.stringify(fields)}\n`);
      output.event('step', fields);
      if (step % each === 0) output.note(`step ${step}  loss ${loss.toFixed(4)}`);
      progress.update(step * perStep, `loss ${loss.toFixed(3)}`, gpuMemory);
      if (!isPause) continue;
      // A power cut must not leave a state without its lines.
      await log.sync();
      await saveState(folder, step, await trainer.state());
      saved = step;
      savedMs = performance.now();
      if (!signal.aborted) continue;
      output.note(`stopped behind step ${step} of ${recipe.steps}: the same texts and --resume go on from there`);
      signal.throwIfAborted();
    }
  } catch (error) {
    if (error instanceof TrainError) throw await withLastGood(error, run, saved);
    throw goingOn(error, folder, saved);
  } finally {
    progress.end();
    await log.close();
  }
}

/** What the system refuses to write ends the run, but not for good. */
function goingOn(error: unknown, folder: string, saved: number): unknown {
  return error instanceof Error && 'syscall' in error ? unwritable(folder, saved, error) : error;
}

async function saveModel({ folder, model, half }: Run, parameters: Tensors): Promise<void> {
  await saveCheckpoint(folder, model.config, parameters, half ? 'F16' : 'F32');
}

/** Leaves the checkpoint of the last state that was saved; where that fails too, the error says both. */
async function withLastGood(error: TrainError, run: Run, saved: number): Promise<TrainError> {
  const { folder, trainer, recipe } = run;
  try {
    const { state } = await readState(folder, recipe.steps);
    trainer.restore(state);
    await saveModel(run, await trainer.parameters());
    return error;
  } catch (second) {
    return divergedWithout(error, folder, saved, second instanceof Error ? second : new Error(String(second)));
  }
}

/** Checkpoint, held-out loss, picture, samples, behind the last step, whose state is saved. */
export async function finishRun(run: Run, context: CommandContext): Promise<void> {
  try {
    await leaveResults(run, context);
  } catch (error) {
    throw goingOn(error, run.folder, run.recipe.steps);
  }
}

async function leaveResults(run: Run, { output, signal }: CommandContext): Promise<void> {
  const { folder, trainer, recipe, heldOut } = run;
  await saveModel(run, await trainer.parameters());
  const held = heldOut && (await heldOutLoss(trainer, heldOut, recipe, HELD_OUT_WINDOWS));
  const steps = (await linesUpTo(folder, recipe.steps)).map(loggedStep).filter((step) => step !== undefined);
  if (steps.length > 0) {
    const tokensPerStep = recipe.batch * recipe.context;
    await writeOutput(join(folder, 'loss.svg'), lossCurves([{ name: folder, steps, tokensPerStep }]));
  }
  const samples = await sampleTexts(folder, signal);
  await writeOutput(join(folder, 'samples.txt'), samples.map((sample) => `${sample}\n`).join('\n'));
  const last = steps.at(-1)?.loss;
  const loss =
    last === undefined ? `what the loss was is not in ${STEP_LOG}` : `loss ${last.toFixed(4)} nats/token at the end`;
  output.print(
    `${folder}: ${loss}${held === undefined ? '' : `, ${held.toFixed(4)} on held-out text`}\n\n${samples[0]}\n`,
  );
  output.result({
    folder,
    steps: recipe.steps,
    tokens: recipe.steps * recipe.batch * recipe.context,
    loss: last ?? null,
    held_out_loss: held ?? null,
    gpu_bytes: trainer.allocatedBytes,
    samples,
  });
}
