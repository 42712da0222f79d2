/** `mmfree run`: the work. */
import { randomBytes } from 'node:crypto';
import { REFERENCE } from '../../../engine/machines.js';
import type { OpenedMachine } from '../../../engine/opened-machine.js';
import type { GeneratedToken, GenerateRequest, Sequence } from '../../../model/machine/machine.js';
import { samplerSettings, type SamplerOptions } from '../../../model/integer/sampler.js';
import { StopMatcher } from '../../../model/text/stop-matcher.js';
import { loadTokenizer, type Tokenizer } from '../../../model/text/tokenizer.js';
import { isEnd } from '../../../protocol/image/end-tokens.js';
import type { ModelShape } from '../../../protocol/image/model-shape.js';
import { TEMPERATURE_RANGE, type SamplerSettings } from '../../../protocol/sampling.js';
import type { CommandContext } from '../../command.js';
import type { Output } from '../../output.js';
import { UsageError, badValue } from '../../usage-error.js';
import { openMachine, type SourceInput } from '../machines/open-machine.js';
import { readPrompt, type PromptInput } from './prompt.js';
import { RunTimer } from './run-timer.js';

/** Codes of errors that end the way to a board. */
const LOST: ReadonlySet<string> = new Set(['board-lost', 'board-flapping', 'board-silent', 'board-not-found']);

interface RunInput extends Omit<SamplerOptions, 'seed'>, SourceInput, PromptInput {
  readonly seed: bigint | 'random';
  readonly check: boolean;
  readonly maxTokens: number;
  readonly stop: readonly string[];
  readonly ids: boolean;
}

export async function run(input: RunInput, context: CommandContext): Promise<void> {
  const { output } = context;
  const seed = input.seed === 'random' ? randomBytes(8).readBigUInt64LE() : input.seed;
  const sampler = settingsOf({ ...input, seed });
  // Before a board is opened: others may use it while somebody types.
  const prompt = await readPrompt(input, context);
  if (input.seed === 'random') output.note(`seed ${seed}`);
  // As text: programs may keep numbers in 53 bits.
  output.result({ seed: String(seed) });
  const opened = await openMachine(input, context);
  try {
    await tell(input, prompt, sampler, opened, context).catch(startsAnew(seed, output));
  } finally {
    // Also on the board nothing goes on then.
    await opened.machine.close();
  }
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
  promptText: string,
  sampler: SamplerSettings,
  opened: OpenedMachine,
  { output, signal }: CommandContext,
): Promise<void> {
  const { machine, imageName, tokenizerJson } = opened;
  const { shape, name } = machine.facts;
  const hasTokenizer = tokenizerJson.length > 0;
  const tokenizer = await (opened.tokenizer ?? (hasTokenizer ? loadTokenizer(tokenizerJson, shape) : undefined));
  if (!tokenizer && (!input.ids || input.stop.length > 0)) throw noTokenizer(imageName);
  const prompt = promptIds(promptText, input.ids, shape, tokenizer);
  const timer = new RunTimer(prompt.length, output);
  const { maxTokens } = input;
  const request = { prompt, maxTokens, sampler, signal, onPrompt: (fed: number) => timer.fed(fed) };
  const sequence = await machine.open();
  const generated = input.check ? await checkedRun(opened, sequence, input.image, request) : sequence.generate(request);
  const stopper = new StopMatcher(input.stop);
  const stream = tokenizer?.textStream();
  const show = (text: string): void => {
    const shown = stopper.push(text);
    if (!input.ids) output.print(shown);
  };
  // The text starts with the prompt, so that what is printed is the whole text.
  const opening = stream && !input.ids ? prompt.map((id) => stream.push(id)).join('') : '';

  let finish = 'max-tokens';
  timer.start();
  for await (const { index, id, receipt } of generated) {
    timer.token();
    // Behind the progress of the prompt, which would tear the text apart.
    if (timer.tokens === 1) output.print(opening);
    const text = stream?.push(id) ?? '';
    output.event('token', { index, id, text, receipt: receipt.toString(16).padStart(8, '0') });
    if (input.ids) output.print(`${index > 0 ? ' ' : ''}${id}`);
    if (isEnd(shape, id)) {
      finish = 'end-of-text';
      break;
    }
    show(text);
    if (stopper.stopped) {
      finish = 'stop';
      break;
    }
  }
  timer.end();
  if (timer.tokens === 0) output.print(opening);
  if (!stopper.stopped) {
    show(stream?.flush() ?? '');
    if (!input.ids) output.print(stopper.flush());
  }
  output.print('\n');
  if (signal.aborted) finish = 'interrupted';

  const rate = timer.words(name);
  const speed = input.check ? `${rate}, each receipt equal to the reference's` : rate;
  // That it was interrupted is said for every command.
  output.note(signal.aborted ? speed : `${speed} (${finish})`);
  output.result({
    ...timer.facts(),
    finish,
    backend: name,
    receipts_checked: input.check ? timer.tokens : undefined,
  });
}

/** Beside the reference on the same image. @throws UsageError if only the board has that, or there is no board */
async function checkedRun(
  { machine, imagePath, imageName }: OpenedMachine,
  subject: Sequence,
  image: string | undefined,
  request: GenerateRequest,
): Promise<AsyncIterable<GeneratedToken>> {
  if (machine.facts.kind === REFERENCE.kind) {
    throw new UsageError('conflicting-options', '--check needs a board or a GPU', {
      reason: 'It compares with the reference, which would be compared with itself.',
      fix: 'Name a board with --board, or add --backend gpu, or check this computer with `mmfree verify`.',
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
  const { machine: referenceMachine } = await openReference({ image: path }, request);
  const reference = await referenceMachine.open();
  return checkedTokens({ name: machine.facts.name, subject, reference }, request);
}

/** Sampler options as integers. @throws UsageError */
function settingsOf(input: SamplerOptions): SamplerSettings {
  try {
    return samplerSettings(input);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw badValue('--temperature', String(input.temperature), `0, or ${TEMPERATURE_RANGE}`, '0.8');
  }
}

/** With text, the beginning-of-text token and the text's ids; with --ids, the ids as they are. @throws UsageError */
function promptIds(prompt: string, ids: boolean, shape: ModelShape, tokenizer: Tokenizer | undefined): number[] {
  if (!ids) return [shape.bosTokenId, ...(tokenizer?.encode(prompt) ?? [])];
  const words = prompt.split(/[\s,]+/).filter((word) => word !== '');
  const numbers = words.map((word) => (/^\d+$/.test(word) ? Number(word) : NaN));
  if (numbers.every((id) => id < shape.vocabSize)) return numbers.length > 0 ? numbers : [shape.bosTokenId];
  throw badValue('prompt', prompt, `token ids from 0 to ${shape.vocabSize - 1}, separated by spaces`, '"0 334 404"');
}

function noTokenizer(path: string): UsageError {
  return new UsageError('conflicting-options', `${path} has no tokenizer`, {
    reason: 'It was packed from a checkpoint without tokenizer.json, so text and token ids cannot become each other.',
    fix: 'Give and get token ids with --ids and without --stop, or pack the checkpoint with its tokenizer.json.',
  });
}
