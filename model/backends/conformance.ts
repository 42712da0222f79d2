/**
 * Does a backend compute the integer model? Receipts decide; taps say where it went wrong.
 *
 * Expected receipts come from another backend (the reference) or from a record such as the image's self-test.
 */
import type { ImageManifest } from '../../protocol/image/manifest.js';
import type { Backend, StepRecord } from './backend.js';

/** Tokens to feed from a zero state, and what to expect. */
export interface ConformanceStream {
  /** For people: `self-test`, `prompt 2`, `random`. */
  readonly name: string;
  readonly tokens: readonly number[];
  /** Recorded receipts, one per token; absent when a second backend computes them. */
  readonly receipts?: readonly number[];
}

/** What the packer recorded in an image: whoever runs it must repeat the receipts. */
export function selfTestStream({ selfTest }: Pick<ImageManifest, 'selfTest'>): Required<ConformanceStream> {
  const { prompt, tokens } = selfTest;
  const fed = [...prompt, ...tokens.slice(0, -1)];
  return { name: 'self-test', tokens: fed, receipts: Array.from(selfTest.receipts) };
}

/** The first difference of a stream. */
export interface Mismatch {
  readonly stream: string;
  /** Index of the token in the stream. */
  readonly position: number;
  readonly token: number;
  readonly expectedReceipt: number;
  readonly actualReceipt: number;
  /** Where the taps first differ; absent without a second backend, or when all taps agree and only the head differs. */
  readonly layer?: TapMismatch;
}

/** Tap 0 is the embedding, tap l + 1 the residual after layer l. */
export interface TapMismatch {
  readonly tap: number;
  readonly expected: number;
  readonly actual: number;
}

/** Tokens that both backends replay before receipts are compared: few enough for a prompt answer, many enough for a fast link. */
const CHUNK_TOKENS = 16;

/**
 * Replays one stream and compares every receipt.
 *
 * @param reference computes the expected receipts; not used for streams that bring their own
 * @param onToken called after each token that agrees
 * @returns the first mismatch, or undefined if the stream is bit-exact (or `signal` aborted it)
 */
export async function compareStream(
  subject: Backend,
  reference: Backend | undefined,
  stream: ConformanceStream,
  options: { readonly signal?: AbortSignal; readonly onToken?: () => void },
): Promise<Mismatch | undefined> {
  const { tokens } = stream;
  await subject.reset();
  if (!stream.receipts) await reference?.reset();
  for (let start = 0; start < tokens.length; start += CHUNK_TOKENS) {
    const chunk = tokens.slice(start, start + CHUNK_TOKENS);
    const expected = stream.receipts?.slice(start, start + CHUNK_TOKENS) ?? (await receipts(reference, chunk, options));
    const actual = await receipts(subject, chunk, options);
    if (options.signal?.aborted) return undefined;
    for (let k = 0; k < chunk.length; k++) {
      if (actual[k] !== expected[k]) {
        const found = {
          stream: stream.name,
          position: start + k,
          token: chunk[k],
          expectedReceipt: expected[k],
          actualReceipt: actual[k],
        };
        const layer = reference && (await locateMismatch(subject, reference, tokens.slice(0, start + k + 1), options));
        return layer ? { ...found, layer } : found;
      }
      options.onToken?.();
    }
  }
  return undefined;
}

/** Replays up to the token that differs, on both sides, and compares its taps; undefined if only the head differs. */
export async function locateMismatch(
  subject: Backend,
  reference: Backend,
  tokens: readonly number[],
  options: { readonly signal?: AbortSignal },
): Promise<TapMismatch | undefined> {
  const expected = await tapsOfLast(reference, tokens, options);
  const actual = await tapsOfLast(subject, tokens, options);
  const tap = expected.findIndex((value, index) => value !== actual[index]);
  return tap < 0 ? undefined : { tap, expected: expected[tap], actual: actual[tap] };
}

async function tapsOfLast(
  backend: Backend,
  tokens: readonly number[],
  options: { readonly signal?: AbortSignal },
): Promise<readonly number[]> {
  await backend.reset();
  await backend.replay(tokens.slice(0, -1), { ...options, taps: false }, () => {});
  let taps: readonly number[] = [];
  await backend.replay(tokens.slice(-1), { ...options, taps: true }, (record) => {
    taps = record.taps ?? [];
  });
  return taps;
}

async function receipts(
  backend: Backend | undefined,
  tokens: readonly number[],
  options: { readonly signal?: AbortSignal },
): Promise<number[]> {
  if (!backend) throw new TypeError('a stream without recorded receipts needs a reference backend');
  const records: StepRecord[] = [];
  await backend.replay(tokens, { ...options, taps: false }, (record) => records.push(record));
  return records.map(({ receipt }) => receipt);
}
