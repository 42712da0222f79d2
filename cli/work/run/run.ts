/** `mmfree run`: the work. */
import { REFERENCE } from '../../../engine/machines.js';
import { withoutStates } from '../../../engine/engine-error.js';
import type { OpenedMachine } from '../../../engine/opened-machine.js';
import { TextSession, tokenizerOf } from '../../../engine/text-session.js';
import type { GeneratedToken, GenerateRequest, Sequence } from '../../../model/machine/machine.js';
import type { Tokenizer } from '../../../model/text/tokenizer.js';
import type { ModelShape } from '../../../protocol/image/model-shape.js';
import { seedOf, type SamplerSettings } from '../../../protocol/sampling.js';
import type { SequenceState } from '../../../protocol/state/sequence-state.js';
import type { SavedState } from '../../../protocol/state/state-file.js';
import type { CommandContext } from '../../command.js';
import { UsageError, badValue } from '../../usage-error.js';
import { openMachine } from '../machines/open-machine.js';
import type { SourceInput } from '../machines/source-input.js';
import { readPrompt, type PromptInput } from './prompt.js';
import { runSampler, type SamplerInput } from './run-settings.js';
import { RunTimer } from './run-timer.js';
import { showText } from './show-text.js';
import type { StateSaver } from './state-saver.js';

/** Codes of errors that end the way to a board. */
const LOST: ReadonlySet<string> = new Set(['board-lost', 'board-flapping', 'board-silent', 'board-not-found']);

interface RunInput extends SamplerInput, SourceInput, PromptInput {
  readonly check: boolean;
  readonly maxTokens: number;
  readonly stop: readonly string[];
  readonly ids: boolean;
  readonly loadState: string | undefined;
  readonly saveState: string | undefined;
  readonly trace: string | undefined;
}

/** What is told, and how it begins. */
interface Beginning {
  readonly promptText: string;
  /** The state with which it goes on. */
  readonly saved: SavedState | undefined;
  readonly sampler: SamplerSettings;
  /** Writes its state at the end. */
  readonly saver: StateSaver | undefined;
}

export async function run(input: RunInput, context: CommandContext): Promise<void> {
  const { output, signal } = context;
  const saved = input.loadState === undefined ? undefined : await load(input.loadState, signal);
  const sampler = runSampler(input, saved?.sampler);
  const seed = seedOf(sampler);
  // Before a board is opened: others may use it while somebody types. Who goes on with a text says so if there is a
  // prompt.
  const promptText = await readPrompt(input, saved === undefined, context);
  if (input.seed === 'random') output.note(`seed ${seed}`);
  // As text: programs may keep numbers in 53 bits.
  output.result({ seed: String(seed) });
  const opened = await (input.saveState === undefined ? openMachine(input, context) : openToSave(input, context));
  let saver: StateSaver | undefined;
  try {
    const { facts } = opened.machine;
    const { loadState, saveState } = input;
    if ((loadState ?? saveState) !== undefined && !facts.can.state) throw withoutStates(facts.name);
    if (saveState !== undefined) {
      const { StateSaver: Saver } = await import('./state-saver.js');
      saver = await Saver.create(saveState, inputsOf(input, opened), context);
    }
    await tell(input, { promptText, saved, sampler, saver }, opened, context);
  } catch (error) {
    // What becomes of the text is not said by what is said of all commands.
    if (isLost(error) && saver?.isSaved !== true) {
      output.note(`the text is not kept: the same command starts anew, and seed ${seed} gives the same text`);
    }
    throw error;
  } finally {
    await saver?.close();
    // Also on the board nothing goes on then.
    await opened.machine.close();
  }
}

// What runs without states do not need is not loaded for them.
async function load(path: string, signal: AbortSignal): Promise<SavedState> {
  const { readStateFile } = await import('../state-file.js');
  return await readStateFile(path, signal);
}

/**
 * Opens a machine that outlives Ctrl-C, because its state is read then: the signal ends the opening, and later the run.
 */
async function openToSave(input: SourceInput, context: CommandContext): Promise<OpenedMachine> {
  const { signal } = context;
  const opening = new AbortController();
  const stop = (): void => opening.abort(signal.reason);
  signal.addEventListener('abort', stop);
  try {
    signal.throwIfAborted();
    return await openMachine(input, { ...context, signal: opening.signal });
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/**
 * Files that a saved state must not replace. The state that was loaded is none of them: it was read whole, and the new
 * one goes on from it.
 */
function inputsOf({ image, promptFile, keyFile, trace }: RunInput, { imagePath }: OpenedMachine): string[] {
  return [image, imagePath, promptFile, keyFile, trace].filter((path) => path !== undefined);
}

/** Whether a board is lost for good. */
function isLost(error: unknown): boolean {
  return error instanceof Error && 'code' in error && LOST.has(String(error.code));
}

async function tell(
  input: RunInput,
  { promptText, saved, sampler, saver }: Beginning,
  opened: OpenedMachine,
  context: CommandContext,
): Promise<void> {
  const { output, signal } = context;
  const { machine, tokenizerJson } = opened;
  const { shape, name } = machine.facts;
  const needsText = !input.ids || input.stop.length > 0;
  const tokenizer = needsText || tokenizerJson.length > 0 ? await tokenizerOf(opened) : undefined;
  const text = await TextSession.open(machine, tokenizer, saved);
  const prompt = promptIds(promptText, input.ids, !text.isNew, shape, tokenizer);
  const timer = new RunTimer(prompt.length, output);
  if (saved !== undefined && prompt.length === 0) {
    if (text.chosen === undefined) throw nothingChosen(input.loadState ?? '', saved.state.position);
    if (text.isAtEnd) {
      output.note(`the text has ended, with token ${text.chosen}; give a prompt to go on behind it`);
      output.result({ ...timer.facts(), finish: 'end-of-text', backend: name });
      await saver?.save(saved);
      return;
    }
  }

  const { maxTokens, stop } = input;
  const source = input.check
    ? await besideReference(opened, text.sequence, saved?.state, input.image, signal)
    : undefined;
  const onPrompt = (fed: number): void => timer.fed(fed);
  const request = { prompt, maxTokens, sampler, signal, stop, onPrompt, ...(source && { source }) };
  const tokens: GeneratedToken[] = [];
  const save = async (state: SavedState): Promise<void> => {
    await saver?.saveAfter(saved, [...prompt, ...tokens.map(({ id }) => id)], state);
  };
  try {
    const shown = { ...input, timer, name, canSave: saver !== undefined };
    const isSaved = await showText(text, request, tokens, shown, context);
    if (isSaved) await save(await text.save());
  } catch (error) {
    if (saver !== undefined && isLost(error)) {
      const { rescuedText } = await import('./rescued-text.js');
      const rescued = await rescuedText({ machine, sequence: text.sequence, tokenizer, saved, request, tokens });
      if (rescued !== undefined) {
        await save(rescued);
        const again = tokens.length - rescued.state.nextDraw + (saved?.state.nextDraw ?? 0);
        output.note(`it is the latest one that this computer has of the board: the last ${again} tokens come again`);
      }
    }
    throw error;
  }
}

/**
 * Generates beside the reference on the same image.
 *
 * @throws UsageError if only the board has that, or there is no board
 */
async function besideReference(
  { machine, imagePath, imageName }: OpenedMachine,
  subject: Sequence,
  start: SequenceState | undefined,
  image: string | undefined,
  signal: AbortSignal,
): Promise<(request: GenerateRequest) => AsyncIterable<GeneratedToken>> {
  if (machine.facts.kind === REFERENCE.kind) {
    throw new UsageError('conflicting-options', '--check needs another machine than the reference', {
      reason: 'It compares with the reference, which would be compared with itself.',
      fix: 'Name a board with --board, or add --backend cpu or gpu, or check this computer with `mmfree verify`.',
    });
  }
  const path = image ?? imagePath;
  if (path === undefined) {
    throw new UsageError('missing-option', `--check needs the file of ${imageName}`, {
      reason: 'The reference computes on this computer, from the image.',
      fix: 'Name the file with --image and the board with --board: an image alone runs on this computer.',
    });
  }
  // What other runs do not need is not loaded for them.
  const { openReference } = await import('../../../engine/kinds/reference.js');
  const { checkedTokens } = await import('../../../engine/same-bits.js');
  const { machine: referenceMachine } = await openReference({ image: path }, { signal });
  const reference = await referenceMachine.open();
  if (start !== undefined) await reference.restore(start);
  return (request) => checkedTokens({ name: machine.facts.name, subject, reference, start }, request);
}

/**
 * With text, the beginning-of-text token and the text's ids; with --ids, the ids as they are.
 *
 * @param goesOn whether there is text before it, which has begun already
 * @throws UsageError
 */
function promptIds(
  prompt: string,
  ids: boolean,
  goesOn: boolean,
  shape: ModelShape,
  tokenizer: Tokenizer | undefined,
): number[] {
  const beginning = goesOn ? [] : [shape.bosTokenId];
  if (!ids) return [...beginning, ...(tokenizer?.encode(prompt, goesOn) ?? [])];
  const words = prompt.split(/[\s,]+/).filter((word) => word !== '');
  const numbers = words.map((word) => (/^\d+$/.test(word) ? Number(word) : NaN));
  if (numbers.every((id) => id < shape.vocabSize)) return numbers.length > 0 ? numbers : beginning;
  throw badValue('prompt', prompt, `token ids from 0 to ${shape.vocabSize - 1}, separated by spaces`, '"0 334 404"');
}

function nothingChosen(path: string, position: number): UsageError {
  return new UsageError('missing-argument', `there is nothing to go on with in ${path}: a prompt is missing`, {
    reason: `Its text ends with token ${position}, which was fed, and none was chosen behind it.`,
    fix: 'Give a prompt.',
    facts: { file: path },
  });
}
