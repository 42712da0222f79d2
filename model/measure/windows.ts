/**
 * The windows over which the loss of a text is measured, the same as in the `eval.json` of the reference models.
 *
 * Documents end at lines that are `<|endoftext|>`. Each is encoded with the beginning-of-text token in front; all are
 * put one behind the other and cut from the start. A window starts with a fresh state; an incomplete last one is
 * dropped.
 */

import type { ModelShape } from '../../protocol/image/model-shape.js';
import { loadTokenizer } from '../text/tokenizer.js';
import { runThread } from '../thread.js';

/** One window: the model reads `inputs` and is asked for `targets`, the same ids one place on. */
export interface EvaluationWindow {
  /** [context] */
  readonly inputs: Int32Array;
  /** [context] */
  readonly targets: Int32Array;
}

export const DOCUMENT_END = '<|endoftext|>';

/** What a thread that makes windows is started with. */
export interface WindowsJob {
  readonly text: string;
  readonly tokenizerJson: Uint8Array;
  /** Of its file, unless it is in an image. */
  readonly tokenizerPath?: string | undefined;
  readonly shape: ModelShape;
  readonly context: number;
  readonly limit: number | undefined;
}

/** Shorter texts are through before a thread would have started. */
const THREAD_FROM_CHARACTERS = 2 ** 15;

/** {@link evaluationWindows}, of a long text in a thread. @throws TokenizerError; the signal's reason */
export async function windowsOf(job: WindowsJob, signal: AbortSignal): Promise<readonly EvaluationWindow[]> {
  const { text, tokenizerJson, tokenizerPath, shape, context, limit } = job;
  // Here too for a long text, so that its errors keep their class.
  const { encode } = await loadTokenizer(tokenizerJson, shape, tokenizerPath);
  if (text.length < THREAD_FROM_CHARACTERS) return evaluationWindows(text, encode, shape.bosTokenId, context, limit);
  let windows: readonly EvaluationWindow[] = [];
  await runThread<readonly EvaluationWindow[]>('dist/model/measure/windows-thread.js', job, {
    signal,
    onMessage: (made) => (windows = made),
  });
  return windows;
}

/**
 * @param context inputs of each window, at least 1
 * @param limit windows wanted at most; the text behind them is not encoded
 */
export function evaluationWindows(
  text: string,
  encode: (text: string) => readonly number[],
  bosId: number,
  context: number,
  limit = Infinity,
): EvaluationWindow[] {
  const ids: number[] = [];
  for (const document of documents(text)) {
    if (ids.length > limit * context) break;
    ids.push(bosId);
    for (const id of encode(document)) ids.push(id);
  }
  const all = Int32Array.from(ids);
  const count = Math.min(limit, Math.max(0, Math.floor((all.length - 1) / context)));
  return Array.from({ length: count }, (_, index) => {
    const start = index * context;
    return { inputs: all.subarray(start, start + context), targets: all.subarray(start + 1, start + 1 + context) };
  });
}

/** What is between lines that are `<|endoftext|>`. */
export function* documents(text: string): Generator<string> {
  let lines: string[] = [];
  for (const line of text.split('\n')) {
    if (line === DOCUMENT_END) {
      yield lines.join('\n');
      lines = [];
    } else {
      lines.push(line);
    }
  }
  const last = lines.join('\n');
  if (last !== '') yield last;
}
