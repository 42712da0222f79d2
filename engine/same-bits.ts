/**
 * Do two machines compute the same? Receipts decide; taps say where they part. The one procedure of `verify`, `run
 * --check`, `doctor` and `bench`.
 *
 * Expected receipts come from another machine (the reference) or from a record such as the image's self-test.
 */
import { samplerSettings } from '../model/integer/sampler.js';
import type { GeneratedToken, GenerateRequest, Machine, Sequence, StepRecord } from '../model/machine/machine.js';
import { feedOnly } from '../model/machine/machine.js';
import { selfTestStream, type TokenStream } from '../model/machine/self-test.js';
import { testTokens } from '../model/machine/test-tokens.js';
import type { ImageManifest } from '../protocol/image/manifest.js';
import { USUAL_SAMPLING } from '../protocol/sampling.js';
import type { SequenceState } from '../protocol/state/sequence-state.js';
import { receiptMismatch, samplerMismatch, type Mismatch, type TapMismatch } from './mismatch-error.js';

const USUAL_SAMPLER = samplerSettings(USUAL_SAMPLING);

/** Two sequences that should have the same bits, in one state. */
export interface Pair {
  /** For people. */
  readonly name: string;
  readonly subject: Sequence;
  /** Absent where receipts are recorded. */
  readonly reference?: Sequence;
  /** The state that both are in; the state zero unless given. */
  readonly start?: SequenceState | undefined;
}

export interface CompareOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called after each token that agrees. */
  readonly onToken?: () => void;
}

/** What is compared of a machine, in tokens. */
export interface Extent {
  readonly random: number;
  readonly sampled: number;
}

/** What was compared. */
export interface Agreement {
  readonly selfTest: number;
  readonly random: number;
  /** 0 if the machine cannot choose tokens itself. */
  readonly sampled: number;
}

/**
 * Self-test, random tokens, and a run that the subject samples.
 *
 * @param isUnsampled whether an error says that the machine cannot choose tokens itself
 * @throws MismatchError; what the machines throw; AbortError
 */
export async function expectSameBits(
  subject: Machine,
  reference: Machine,
  manifest: Pick<ImageManifest, 'selfTest'>,
  { random, sampled }: Extent,
  options: CompareOptions & { readonly isUnsampled?: (error: unknown) => boolean },
): Promise<Agreement> {
  const { signal, onToken } = options;
  const { vocabSize, bosTokenId } = subject.facts.shape;
  return await withSequences([subject, reference], async ([mine, theirs]) => {
    const pair = { name: subject.facts.name, subject: mine!, reference: theirs! };
    const selfTest = selfTestStream(manifest);
    const streams = [selfTest, { name: 'random tokens', tokens: testTokens(random, vocabSize) }];
    for (const stream of streams) {
      const mismatch = await compareStream(pair, stream, options);
      if (mismatch !== undefined) throw receiptMismatch(pair.name, mismatch);
      signal?.throwIfAborted();
    }
    let chosen = 0;
    try {
      await pair.subject.reset();
      await pair.reference.reset();
      const request = { prompt: [bosTokenId], maxTokens: sampled, sampler: USUAL_SAMPLER, signal };
      for await (const _ of checkedTokens(pair, request)) {
        chosen++;
        onToken?.();
      }
    } catch (error) {
      if (options.isUnsampled?.(error) !== true) throw error;
    }
    signal?.throwIfAborted();
    return { selfTest: selfTest.tokens.length, random, sampled: chosen };
  });
}

/** Opens a sequence of each machine, and closes them afterwards. */
export async function withSequences<T>(
  machines: readonly Machine[],
  use: (sequences: readonly Sequence[]) => Promise<T>,
): Promise<T> {
  const sequences: Sequence[] = [];
  try {
    for (const machine of machines) sequences.push(await machine.open());
    return await use(sequences);
  } finally {
    for (const sequence of sequences) await sequence.close();
  }
}

/**
 * Tokens of the subject, each compared with what the reference computes and samples; both are in the same state.
 *
 * @throws MismatchError at the first token that differs, instead of giving it
 */
export async function* checkedTokens(
  { name, subject, reference, start }: Pair & { readonly reference: Sequence },
  request: GenerateRequest,
): AsyncGenerator<GeneratedToken> {
  const { prompt, signal } = request;
  // What was chosen and not fed is fed first.
  const fed = start?.chosen === undefined ? [...prompt] : [start.chosen, ...prompt];
  let mismatch: Mismatch | undefined;
  // How far the prompt is, is said of the machine that is checked.
  const expectedTokens = reference.generate({ ...request, onPrompt: undefined })[Symbol.asyncIterator]();
  try {
    for await (const actual of subject.generate(request)) {
      const next = await expectedTokens.next();
      if (next.done === true) return;
      const expected = next.value;
      if (actual.receipt !== expected.receipt) {
        mismatch = {
          stream: 'this run',
          position: (start?.position ?? 0) + fed.length - 1,
          token: fed.at(-1) ?? 0,
          expectedReceipt: expected.receipt,
          actualReceipt: actual.receipt,
        };
        break;
      }
      if (actual.id !== expected.id) throw samplerMismatch(name, actual.index, expected.id, actual.id);
      yield actual;
      fed.push(actual.id);
    }
  } finally {
    await expectedTokens.return?.();
  }
  if (mismatch === undefined) return;
  const layer = await locateMismatch({ subject, reference, start }, fed, { signal });
  throw receiptMismatch(name, layer ? { ...mismatch, layer } : mismatch);
}

/**
 * Tokens that both machines are fed before receipts are compared: few enough for a prompt answer, many enough for a
 * fast link.
 */
const CHUNK_TOKENS = 16;

/**
 * Feeds one stream from the state zero and compares every receipt.
 *
 * @returns the first mismatch, or undefined if the stream is bit-exact (or `signal` aborted it)
 */
export async function compareStream(
  pair: Pair,
  stream: TokenStream,
  options: CompareOptions,
): Promise<Mismatch | undefined> {
  const { subject, reference } = pair;
  const { tokens, opening = [] } = stream;
  for (const sequence of stream.receipts ? [subject] : [subject, ...(reference ? [reference] : [])]) {
    await sequence.reset();
    await feedOnly(sequence, opening, options.signal);
  }
  for (let start = 0; start < tokens.length; start += CHUNK_TOKENS) {
    const chunk = tokens.slice(start, start + CHUNK_TOKENS);
    const expected = stream.receipts?.slice(start, start + CHUNK_TOKENS) ?? (await receipts(reference, chunk, options));
    const actual = await receipts(subject, chunk, options);
    if (options.signal?.aborted === true) return undefined;
    for (const [k, token] of chunk.entries()) {
      if (actual[k] !== expected[k]) {
        const found = {
          stream: stream.name,
          position: opening.length + start + k,
          token,
          expectedReceipt: expected[k] ?? NaN,
          actualReceipt: actual[k] ?? NaN,
        };
        const way = [...opening, ...tokens.slice(0, start + k + 1)];
        const layer = reference && (await locateMismatch({ subject, reference }, way, options));
        return layer ? { ...found, layer } : found;
      }
      options.onToken?.();
    }
  }
  return undefined;
}

/** Feeds up to the token that differs, on both sides, and compares its taps; undefined if only the head differs. */
async function locateMismatch(
  { subject, reference, start }: { readonly subject: Sequence; readonly reference: Sequence } & Pick<Pair, 'start'>,
  tokens: readonly number[],
  { signal }: CompareOptions,
): Promise<TapMismatch | undefined> {
  const expected = await tapsOfLast(reference, start, tokens, signal);
  const actual = await tapsOfLast(subject, start, tokens, signal);
  const tap = expected.findIndex((value, index) => value !== actual[index]);
  return tap < 0 ? undefined : { tap, expected: expected[tap] ?? NaN, actual: actual[tap] ?? NaN };
}

async function tapsOfLast(
  sequence: Sequence,
  start: SequenceState | undefined,
  tokens: readonly number[],
  signal: AbortSignal | undefined,
): Promise<readonly number[]> {
  if (start === undefined) await sequence.reset();
  // What was chosen is the first of the tokens.
  else await sequence.restore({ ...start, chosen: undefined });
  await feedOnly(sequence, tokens.slice(0, -1), signal);
  let taps: readonly number[] = [];
  for await (const record of sequence.feed(tokens.slice(-1), { want: 'taps', signal })) taps = record.taps ?? [];
  return taps;
}

async function receipts(
  sequence: Sequence | undefined,
  tokens: readonly number[],
  { signal }: CompareOptions,
): Promise<number[]> {
  if (!sequence) throw new TypeError('a stream without recorded receipts needs a reference');
  const records: StepRecord[] = [];
  for await (const record of sequence.feed(tokens, { signal })) records.push(record);
  return records.map(({ receipt }) => receipt);
}
