/** `mmfree eval`: the work. */
import { join } from 'node:path';
import { evaluate, type EvaluationSubject, type WindowResult } from '../../engine/evaluate.js';
import { openChecked } from '../../model/check-image.js';
import { windowsOf } from '../../model/measure/windows.js';
import type { ModelShape } from '../../protocol/image/model-shape.js';
import type { CommandContext } from '../command.js';
import { UsageError } from '../usage-error.js';
import { engineOptions } from './machines/engine-options.js';
import { openCheckpointAloud } from './open-checkpoint.js';
import { readText } from './text-file.js';

interface EvalInput {
  readonly text: string;
  readonly image: string | undefined;
  readonly backend: string | undefined;
  readonly checkpoint: string | undefined;
  readonly context: number;
  readonly windows: number | undefined;
  readonly threads: number | undefined;
}

export async function evaluateText(input: EvalInput, context: CommandContext): Promise<void> {
  const { output, signal } = context;
  const subject = subjectOf(input);
  const text = await readText(input.text, '--text', 'models/tales-9m/validation.txt', signal);
  const { shape, tokenizerJson } = await openSubject(subject, context);
  const tokenizerPath = subject.kind === 'checkpoint' ? join(subject.path, 'tokenizer.json') : undefined;
  const job = { text, tokenizerJson, tokenizerPath, shape, context: input.context, limit: input.windows };
  const windows = await windowsOf(job, signal);
  if (windows.length === 0) throw tooShort(input);
  const progress = output.progress({ label: 'eval', unit: 'windows', total: windows.length });
  const startMs = performance.now();
  let done = 0;
  const onWindow = (result: WindowResult): void => {
    progress.update(++done);
    output.event('window', { ...result });
  };
  const losses = await evaluate(subject, windows, input.threads, onWindow, engineOptions(context));
  progress.end();
  const seconds = (performance.now() - startMs) / 1000;
  const loss = losses.reduce((sum, value) => sum + value, 0) / losses.length;
  const tokens = windows.length * input.context;
  output.print(
    `loss ${loss.toFixed(5)} nats/token  perplexity ${Math.exp(loss).toFixed(3)}  ${tokens} tokens in windows of ${input.context}  ${(tokens / seconds).toFixed(1)} tokens/s\n`,
  );
  output.result({
    loss,
    perplexity: Math.exp(loss),
    tokens,
    windows: windows.length,
    context: input.context,
    window_losses: losses,
    seconds,
    tokens_per_second: tokens / seconds,
  });
}

function subjectOf({ image, checkpoint, backend }: EvalInput): EvaluationSubject {
  if (backend !== undefined && checkpoint !== undefined) throw floatsOnBackend();
  if (image !== undefined && checkpoint === undefined) {
    return { kind: 'image', path: image, machine: backend ?? 'cpu' };
  }
  if (checkpoint !== undefined && image === undefined) return { kind: 'checkpoint', path: checkpoint };
  throw new UsageError('conflicting-options', 'eval needs either --image or --checkpoint', {
    reason: 'It scores the integer model of an image or the float model of a checkpoint.',
    fix: 'Give exactly one of them.',
  });
}

function floatsOnBackend(): UsageError {
  return new UsageError('conflicting-options', '--backend and --checkpoint exclude each other', {
    reason: 'A checkpoint is scored by the float model, which runs on the processor only.',
    fix: 'Leave --backend out, or pack the checkpoint and score the image.',
  });
}

function tooShort({ text, context }: EvalInput): UsageError {
  return new UsageError('bad-value', `${text} is too short for one window`, {
    reason: `A window needs ${context + 1} tokens, ${context} to read and one to guess.`,
    fix: 'Give a longer text, or shorter windows with --context.',
    facts: { context },
  });
}

/** Checks the subject once, before threads load it. */
async function openSubject(
  subject: EvaluationSubject,
  context: CommandContext,
): Promise<{ readonly shape: ModelShape; readonly tokenizerJson: Uint8Array }> {
  if (subject.kind === 'image') {
    const image = await openChecked(subject.path, context.signal);
    try {
      return { shape: image.view.shape, tokenizerJson: image.section('tokenizer') };
    } finally {
      image.close();
    }
  }
  const checkpoint = await openCheckpointAloud(subject.path, context);
  try {
    const { config, tokenizerJson = new Uint8Array(0) } = checkpoint;
    return { shape: config, tokenizerJson };
  } finally {
    await checkpoint.close();
  }
}
