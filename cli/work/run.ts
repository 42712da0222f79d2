/** `mmfree run`: the work. */
import { samplerSettings, type SamplerOptions } from '../../model/integer/sampler.js';
import { StopMatcher } from '../../model/text/stop-matcher.js';
import { loadTokenizer, type Tokenizer } from '../../model/text/tokenizer.js';
import type { ModelShape } from '../../protocol/image/model-shape.js';
import type { CommandContext } from '../command.js';
import { UsageError, badValue } from '../usage-error.js';
import { loadReference } from './load-backend.js';
import { imageOrShipped } from './shipped.js';

interface RunInput extends SamplerOptions {
  readonly prompt: string | undefined;
  readonly image: string | undefined;
  readonly backend: 'reference';
  readonly maxTokens: number;
  readonly stop: readonly string[];
  readonly ids: boolean;
}

export async function run(input: RunInput, { output, signal }: CommandContext): Promise<void> {
  const sampler = settingsOf(input);
  const path = imageOrShipped(input.image, output);
  const { backend, view, tokenizerJson } = loadReference(path);
  const tokenizer = tokenizerJson.length > 0 ? await loadTokenizer(tokenizerJson, view.shape) : undefined;
  if (!tokenizer && (!input.ids || input.stop.length > 0)) throw noTokenizer(path);
  const prompt = promptIds(input, view.shape, tokenizer);
  const stopper = new StopMatcher(input.stop);
  const stream = tokenizer?.textStream();
  const show = (text: string): void => {
    const shown = stopper.push(text);
    if (!input.ids) output.print(shown);
  };
  // The text starts with the prompt, so that what is printed is the whole text.
  if (stream && !input.ids) {
    for (const id of prompt) output.print(stream.push(id));
  }

  const startMs = performance.now();
  let firstMs = NaN;
  let tokens = 0;
  let finish = 'max-tokens';
  for await (const { index, id, receipt } of backend.generate({
    prompt,
    maxTokens: input.maxTokens,
    sampler,
    signal,
  })) {
    if (tokens === 0) firstMs = performance.now();
    tokens++;
    const text = stream?.push(id) ?? '';
    output.event('token', { index, id, text, receipt: receipt.toString(16).padStart(8, '0') });
    if (input.ids) output.print(`${index > 0 ? ' ' : ''}${id}`);
    if (id === view.shape.eosTokenId) {
      finish = 'end-of-text';
      break;
    }
    show(text);
    if (stopper.stopped) {
      finish = 'stop';
      break;
    }
  }
  if (!stopper.stopped) {
    show(stream?.flush() ?? '');
    if (!input.ids) output.print(stopper.flush());
  }
  output.print('\n');
  await backend.close();
  if (signal.aborted) finish = 'interrupted';

  const seconds = (performance.now() - startMs) / 1000;
  const speed = `${tokens} tokens, ${(tokens / seconds).toFixed(1)} tokens/s on ${backend.name}`;
  // That it was interrupted is said for every command.
  output.note(signal.aborted ? speed : `${speed} (${finish})`);
  output.result({
    tokens,
    prompt_tokens: prompt.length,
    finish,
    seconds,
    tokens_per_second: tokens / seconds,
    first_token_seconds: tokens > 0 ? (firstMs - startMs) / 1000 : null,
    backend: backend.name,
  });
}

/** Sampler options as integers. @throws UsageError */
function settingsOf(input: RunInput): ReturnType<typeof samplerSettings> {
  try {
    return samplerSettings(input);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw badValue('--temperature', String(input.temperature), '0, or 0.05 to 10', '0.8');
  }
}

/** With text, the beginning-of-text token and the text's ids; with --ids, the ids as they are. @throws UsageError */
function promptIds(input: RunInput, shape: ModelShape, tokenizer: Tokenizer | undefined): number[] {
  const { prompt = '', ids } = input;
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
