/** `mmfree run`: the work. */
import type { GeneratedToken, GenerateRequest } from '../../../model/backends/backend.js';
import { samplerSettings, type SamplerOptions } from '../../../model/integer/sampler.js';
import { StopMatcher } from '../../../model/text/stop-matcher.js';
import { loadTokenizer, type Tokenizer } from '../../../model/text/tokenizer.js';
import type { ModelShape } from '../../../protocol/image/model-shape.js';
import type { SamplerSettings } from '../../../protocol/sampling.js';
import type { CommandContext } from '../../command.js';
import { UsageError, badValue } from '../../usage-error.js';
import { loadTokenSource, type SourceInput } from '../machines/load-backend.js';
import type { TokenSource } from '../machines/token-source.js';

interface RunInput extends SamplerOptions, SourceInput {
  readonly prompt: string | undefined;
  readonly sampling: 'board' | 'host';
  readonly check: boolean;
  readonly maxTokens: number;
  readonly stop: readonly string[];
  readonly ids: boolean;
}

export async function run(input: RunInput, context: CommandContext): Promise<void> {
  const sampler = settingsOf(input);
  const source = await loadTokenSource(input, context, input.sampling);
  try {
    await tell(input, sampler, source, context);
  } finally {
    // Also on the board nothing goes on then.
    await source.backend.close();
  }
}

async function tell(
  input: RunInput,
  sampler: SamplerSettings,
  source: TokenSource,
  { output, signal }: CommandContext,
): Promise<void> {
  const { backend, imageName, tokenizerJson } = source;
  const { shape } = backend;
  const hasTokenizer = tokenizerJson.length > 0;
  const tokenizer = await (source.tokenizer ?? (hasTokenizer ? loadTokenizer(tokenizerJson, shape) : undefined));
  if (!tokenizer && (!input.ids || input.stop.length > 0)) throw noTokenizer(imageName);
  const prompt = promptIds(input, shape, tokenizer);
  const request = { prompt, maxTokens: input.maxTokens, sampler, signal };
  const generated = input.check ? await checkedRun(source, input.image, request) : backend.generate(request);
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
  for await (const { index, id, receipt } of generated) {
    if (tokens === 0) firstMs = performance.now();
    tokens++;
    const text = stream?.push(id) ?? '';
    output.event('token', { index, id, text, receipt: receipt.toString(16).padStart(8, '0') });
    if (input.ids) output.print(`${index > 0 ? ' ' : ''}${id}`);
    if (id === shape.eosTokenId) {
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
  if (signal.aborted) finish = 'interrupted';

  const seconds = (performance.now() - startMs) / 1000;
  const rate = `${tokens} tokens, ${(tokens / seconds).toFixed(1)} tokens/s on ${backend.name}`;
  const speed = input.check ? `${rate}, each receipt equal to the reference's` : rate;
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
    receipts_checked: input.check ? tokens : undefined,
  });
}

/** Beside the reference on the same image. @throws UsageError if only the board has that, or there is no board */
async function checkedRun(
  { backend, imagePath, imageName }: TokenSource,
  image: string | undefined,
  request: GenerateRequest,
): Promise<AsyncIterable<GeneratedToken>> {
  if (backend.name === 'reference') {
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
  const { loadReference } = await import('../machines/load-reference.js');
  const { checkedTokens } = await import('./checked-tokens.js');
  return checkedTokens(backend, loadReference(path).backend, request);
}

/** Sampler options as integers. @throws UsageError */
function settingsOf(input: RunInput): SamplerSettings {
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
