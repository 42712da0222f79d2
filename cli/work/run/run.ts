/** `mmfree run`: the work. */
import { REFERENCE } from '../../../engine/machines.js';
import { withoutStates } from '../../../engine/engine-error.js';
import type { OpenedMachine } from '../../../engine/opened-machine.js';
import { TextSession, tokenizerOf, type TextEnd } from '../../../engine/text-session.js';
import type { GeneratedToken, GenerateRequest, Sequence } from '../../../model/machine/machine.js';
import type { Tokenizer } from '../../../model/text/tokenizer.js';
import type { ModelShape } from '../../../protocol/image/model-shape.js';
import type { SamplerSettings } from '../../../protocol/sampling.js';
import type { SequenceState } from '../../../protocol/state/sequence-state.js';
import type { SavedState } from '../../../protocol/state/state-file.js';
import type { CommandContext } from '../../command.js';
import type { Output } from '../../output.js';
import { UsageError, badValue } from '../../usage-error.js';
import { openMachine, type SourceInput } from '../machines/open-machine.js';
import { readPrompt, type PromptInput } from './prompt.js';
import { runSampler, seedOf, type SamplerInput } from './run-settings.js';
import { RunTimer } from './run-timer.js';
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
interface Telling {
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
  // Before a board is opened: others may use it while somebody types. Who goes on with a text says so if there is a prompt.
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
    await tell(input, { promptText, saved, sampler, saver }, opened, context).catch(startsAnew(seed, output));
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

/** Opens a machine that outlives Ctrl-C, because its state is read then: the signal ends the opening, and later the run. */
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

/** Files that a saved state must not replace. The state that was loaded is none of them: it was read whole, and the new one goes on from it. */
function inputsOf({ image, promptFile, keyFile, trace }: RunInput, { imagePath }: OpenedMachine): string[] {
  return [image, imagePath, promptFile, keyFile, trace].filter((path) => path !== undefined);
}

/** What becomes of a text whose board is lost for good, which is not said by what is said of all commands. */
function startsAnew(seed: bigint, output: Output): (error: unknown) => never {
  return (error) => {
    const isLost = error instanceof Error && 'code' in error && LOST.has(String(error.code));
    if (isLost) output.note(`the text is not kept: the same command starts anew, and seed ${seed} gives the same text`);
    throw error;
  };
}

async function tell(
  input: RunInput,
  { promptText, saved, sampler, saver }: Telling,
  opened: OpenedMachine,
  { output, signal }: CommandContext,
): Promise<void> {
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
  const request = { prompt, maxTokens, sampler, signal, stop, onPrompt: (fed: number) => timer.fed(fed) };
  const source = input.check
    ? await besideReference(opened, text.sequence, saved?.state, input.image, signal)
    : undefined;
  const ids: number[] = [];
  // Ids are printed where they are wanted instead of text.
  const print = (shown: string): void => void (input.ids || output.print(shown));
  let end: TextEnd | undefined;
  timer.start();
  for await (const step of text.generate({ ...request, ...(source && { source }) })) {
    const { opening, token } = step;
    // The progress of the prompt would tear the text apart.
    if (token !== undefined) timer.token();
    if (opening !== undefined) print(opening.before + opening.prompt);
    if (token !== undefined) {
      const { index, id, receipt } = token;
      ids.push(id);
      output.event('token', { index, id, text: step.added, receipt: receipt.toString(16).padStart(8, '0') });
      if (input.ids) output.print(`${index > 0 ? ' ' : ''}${id}`);
    }
    print(step.text);
    ({ end } = step);
  }
  timer.end();
  // In the middle of its prompt a text has no state from which it goes on by itself; the same command begins it again.
  const isSaved = saver !== undefined && (timer.tokens > 0 || end !== undefined);
  // What is held back, and the line break, are printed by who ends the text.
  const endsHere = !isSaved || end === 'end-of-text' || end === 'stop';
  if (end !== 'stop') print(endsHere ? text.flush() : await text.flushExcess());
  if (endsHere) output.print('\n');

  const rate = timer.words(name);
  const speed = input.check ? `${rate}, each receipt equal to the reference's` : rate;
  const finish = signal.aborted ? 'interrupted' : end;
  // That it was interrupted is said for every command.
  output.note(signal.aborted ? speed : `${speed} (${finish})`);
  output.result({
    ...timer.facts(),
    finish,
    backend: name,
    receipts_checked: input.check ? timer.tokens : undefined,
  });
  if (saver === undefined) return;
  if (!isSaved) {
    output.note('no state is saved: the prompt was not at its end, and the same command begins it again');
    return;
  }
  await saver.saveAfter(saved, [...prompt, ...ids], await text.save());
}

/** Generates beside the reference on the same image. @throws UsageError if only the board has that, or there is no board */
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
      fix: 'Name the file with --image.',
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
