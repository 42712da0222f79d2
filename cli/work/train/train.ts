/** `mmfree train`: the work. */
import { access, constants, readdir, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { GpuDevice } from '../../../model/backends/gpu/device/gpu-device.js';
import { FileError } from '../../../model/files/file-error.js';
import { FolderLock } from '../../../model/files/folder-lock.js';
import { isSystemError } from '../../../model/files/system-error.js';
import { makeFolder } from '../../../model/files/make-folder.js';
import { writeOutput } from '../../../model/files/output-file.js';
import { surveyed, type Corpus } from '../../../model/train/data/corpus.js';
import { marksOf } from '../../../model/train/data/held-out.js';
import { TextSource } from '../../../model/train/data/text-source.js';
import type { TokenStore } from '../../../model/train/data/token-store.js';
import { hashOfTokens, randomWindows } from '../../../model/train/data/token-stream.js';
import { parameterLayout } from '../../../model/train/gpu/parameter-layout.js';
import { createPlannedTrainer } from '../../../model/train/gpu/planned-trainer.js';
import type { TrainerState } from '../../../model/train/gpu/trainer.js';
import { readKeptRecipe, RUN_FILE, type KeptRecipe } from '../../../model/train/run/kept-recipe.js';
import { microBatchOf } from '../../../model/train/run/recipe.js';
import { readState, saveState } from '../../../model/train/run/save.js';
import { linesUpTo, STEP_LOG } from '../../../model/train/run/step-log.js';
import { checkFits } from '../../../model/train/run/training-plan.js';
import { rowFloatsOf, secondsOfMicroBatch } from '../../../model/train/run/train-steps.js';
import { allHeldOut, cannotResume, folderInUse, folderTaken, tooLittleText } from '../../../model/train/train-error.js';
import { counted } from '../../../protocol/counted.js';
import type { CommandContext } from '../../command.js';
import { finishRun, followRun, type Run } from './follow-run.js';
import { RunChoices, memoryOf } from './choose-run.js';
import { openAnyGpu } from './open-any-gpu.js';
import { explainPlan } from './plan.js';
import { modelIn, newModel, tokensOf, type PreparedModel } from './prepare-model.js';
import { checkPlan, checkTogether, recipeOf, type GivenRun, type TrainInput } from './train-input.js';

/** Without what does not depend on the model. */
type RunOfModel = Omit<Run, 'folder' | 'saveEvery' | 'half'>;

export async function train(given: GivenRun, context: CommandContext): Promise<void> {
  if (given.plan !== undefined) {
    checkPlan(given);
    return await explainPlan(given.plan, given, context);
  }
  const input = checkTogether(given);
  const lock = new FolderLock();
  try {
    await trainIn(input, lock, context);
  } finally {
    lock.release();
  }
}

async function trainIn(input: TrainInput, lock: FolderLock, context: CommandContext): Promise<void> {
  const kept = input.resume ? await readKeptRecipe(input.output) : undefined;
  if (kept) lockFolder(input.output, lock);
  else await expectEmpty(input.output);
  const text = new TextSource(input.texts, context.signal);
  const heldOutText = input.heldOut === undefined ? undefined : new TextSource([input.heldOut], context.signal);
  try {
    const heldOut = heldOutText && (await surveyed(heldOutText));
    const corpus = await learnedOf(text, heldOut, context);
    const gpu = await openAnyGpu(context);
    try {
      const run = kept
        ? await resumedRun(input.output, kept, { corpus, heldOut }, gpu, context)
        : await newRun(input, { corpus, heldOut }, { gpu, lock }, context);
      const { saveEvery, half } = input;
      const whole: Run = { ...run, folder: input.output, saveEvery, half };
      await followRun(whole, context);
      await finishRun(whole, context);
    } finally {
      gpu.destroy();
    }
  } finally {
    await text.close();
    await heldOutText?.close();
  }
}

/** Without what is held out, which is told. @throws TrainError if nothing is left */
async function learnedOf(text: TextSource, heldOut: Corpus | undefined, { output }: CommandContext): Promise<Corpus> {
  if (heldOut === undefined) return await surveyed(text);
  const corpus = await surveyed(text, await marksOf(heldOut.pieces()));
  const { documents, leftOut } = corpus;
  if (leftOut === documents) throw allHeldOut();
  if (leftOut > 0) output.note(`${leftOut} of ${counted(documents, 'document')} left out: they are held out`);
  output.event('held-out', { documents, left_out: leftOut });
  return corpus;
}

/** What is learned, and what is not. */
interface Texts {
  readonly corpus: Corpus;
  readonly heldOut: Corpus | undefined;
}

/** Both as tokens. */
interface TextTokens {
  readonly tokens: TokenStore;
  readonly heldOut?: TokenStore;
}

async function tokensOfBoth(
  { corpus, heldOut }: Texts,
  model: PreparedModel,
  context: CommandContext,
): Promise<TextTokens> {
  const tokens = await tokensOf(corpus, model, context);
  return heldOut ? { tokens, heldOut: await tokensOf(heldOut, model, context) } : { tokens };
}

/** @throws TrainError if there is not one window of so many tokens, and the one behind it */
function expectWindows({ tokens, heldOut }: TextTokens, windowTokens: number): void {
  if (tokens.length <= windowTokens) throw tooLittleText('the text', tokens.length, windowTokens + 1);
  if (heldOut && heldOut.length <= windowTokens) {
    throw tooLittleText('the held-out text', heldOut.length, windowTokens + 1);
  }
}

async function newRun(
  input: TrainInput,
  texts: Texts,
  { gpu, lock }: { readonly gpu: GpuDevice; readonly lock: FolderLock },
  context: CommandContext,
): Promise<RunOfModel> {
  const { seed = 1n } = input;
  const draft = await newModel(input, texts.corpus, context);
  const both = await tokensOfBoth(texts, draft, context);
  const { tokens } = both;
  const choices = new RunChoices(input, gpu, tokens.length, context);
  const model = draft.inShape ? await draft.inShape(await choices.shape(draft.config.vocabSize)) : draft;
  const { context: length, batch } = await choices.windows(model.config);
  expectWindows(both, length);
  const microBatch = microBatchOf(batch, length, rowFloatsOf(model.config), memoryOf(gpu));
  const shape = { sequences: microBatch, length };
  checkFits(gpu, model.config, shape);
  const parameters = model.parameters(seed);
  const windows = randomWindows(tokens, { seed, step: 0, first: 0, count: microBatch, length });
  const { trainer, onMatrixUnits, disagreement } = await createPlannedTrainer(
    gpu,
    model.config,
    { batch: shape, targets: batch * length, decayed: 'matrices' },
    { start: (each) => each.load(parameters), windows, onDetail: (text) => context.output.detail(text) },
  );
  if (disagreement) {
    const [plain, tiled] = disagreement.map(({ gradientNorm }) => gradientNorm);
    context.output.note(`warning: matrix units give gradients of norm ${tiled}, not ${plain}: they are left alone`);
  }
  const secondsPerStep = async (): Promise<number> =>
    (batch / microBatch) * (await secondsOfMicroBatch(trainer, tokens, { count: microBatch, length }));
  const steps = await choices.steps(model.config, batch * length, secondsPerStep);
  const recipe = recipeOf(input, model.config, { context: length, batch, microBatch, steps });
  const facts = {
    recipe,
    choices: choices.made,
    tokens: tokens.length,
    tokens_sha256: hashOfTokens(tokens),
    on_matrix_units: onMatrixUnits,
  };
  const files = {
    'config.json': model.configJson,
    'tokenizer.json': model.tokenizerJson,
    [RUN_FILE]: `${JSON.stringify(facts, undefined, 2)}\n`,
  };
  const state = await trainer.state();
  await makeFolder(input.output);
  lockFolder(input.output, lock);
  // Another command may have begun there meanwhile.
  await expectEmpty(input.output);
  await begin(input.output, files, state);
  return { ...both, model, trainer, recipe, done: 0, lines: [] };
}

/** Fills an empty folder, or leaves it empty: what cannot be gone on with would only be in the way. */
async function begin(
  folder: string,
  files: Readonly<Record<string, string | Uint8Array>>,
  state: TrainerState,
): Promise<void> {
  try {
    for (const [name, content] of Object.entries(files)) await writeOutput(join(folder, name), content);
    await saveState(folder, 0, state);
  } catch (error) {
    // What cannot be taken away stays: the first error is the one that counts.
    for (const name of Object.keys(files)) await rm(join(folder, name), { force: true }).catch(() => {});
    throw error;
  }
}

/** @throws TrainError if another command trains there */
function lockFolder(folder: string, lock: FolderLock): void {
  try {
    lock.take(folder);
  } catch (error) {
    throw error instanceof FileError && error.code === 'file-in-use' ? folderInUse(folder, error) : error;
  }
}

async function resumedRun(
  folder: string,
  { recipe, hash, wanted }: KeptRecipe,
  texts: Texts,
  gpu: GpuDevice,
  context: CommandContext,
): Promise<RunOfModel> {
  const model = await modelIn(folder);
  const both = await tokensOfBoth(texts, model, context);
  const { tokens } = both;
  expectWindows(both, recipe.context);
  if (hashOfTokens(tokens) !== hash)
    throw cannotResume(folder, 'the text is another one, or what is held out, or tokenizer.json');
  const shape = { sequences: recipe.microBatch, length: recipe.context };
  checkFits(gpu, model.config, shape);
  const { step, state } = await readState(folder, recipe.steps);
  const { total } = parameterLayout(model.config);
  if (Object.values(state).some(({ length }: Float32Array) => length !== total)) {
    throw cannotResume(folder, 'its state is of another shape');
  }
  const { seed, microBatch, context: length, batch } = recipe;
  const { trainer, onMatrixUnits } = await createPlannedTrainer(
    gpu,
    model.config,
    { batch: shape, targets: batch * length, decayed: 'matrices' },
    {
      start: (each) => each.restore(state),
      windows: randomWindows(tokens, { seed: BigInt(seed), step: 0, first: 0, count: microBatch, length }),
      wanted,
      onDetail: (text) => context.output.detail(text),
    },
  );
  const gone = wanted.filter((key) => !onMatrixUnits.includes(key));
  if (gone.length > 0) {
    context.output.note(
      `warning: the run began with ${gone.join(', ')} on matrix units, which do not compute that here: it goes on, but not bit for bit`,
    );
  }
  context.output.note(`going on behind step ${step} of ${recipe.steps}`);
  const lines = await linesUpTo(folder, step);
  if (lines.length < step) {
    context.output.note(
      `warning: ${STEP_LOG} has ${lines.length} of these ${step} steps: the curve lacks the others, the run lacks nothing`,
    );
  }
  return { ...both, model, trainer, recipe, done: step, lines };
}

/** @throws TrainError if the folder holds anything; the system's error where it cannot be made or written to */
async function expectEmpty(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  });
  if (names.length > 0) throw folderTaken(folder);
  // Before minutes of reading.
  for (let path = resolve(folder); ; path = dirname(path)) {
    try {
      return await access(path, constants.W_OK);
    } catch (error) {
      if (!isSystemError(error, 'ENOENT') || path === dirname(path)) throw error;
    }
  }
}
