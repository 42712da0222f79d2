/** That a benchmark times the right computation: receipts of a machine against the reference's, before any figure. */
import type { Backend } from '../../../model/backends/backend.js';
import { compareStream, selfTestStream } from '../../../model/backends/conformance.js';
import type { GpuModel } from '../../../model/backends/gpu/gpu-model.js';
import { GpuSequences, type SequenceRun, type SequenceToken } from '../../../model/backends/gpu/gpu-sequences.js';
import { samplerSettings } from '../../../model/integer/sampler.js';
import type { CommandContext } from '../../command.js';
import { checkedTokens } from '../run/checked-tokens.js';
import { SAMPLER, someTokens } from './gpu-speed.js';
import { loadReference } from '../machines/load-reference.js';
import { receiptMismatch } from '../verify/mismatch-error.js';

/** The reference needs a second for a token of the 2.7B shape. */
const RANDOM_TOKENS = 6;
const SAMPLED_TOKENS = 4;
/** More than the kernels for few rows take at a time, and not a multiple of anything. */
const PROMPT_TOKENS = 101;
const FEW_TOKENS = 7;
const BATCH_TOKENS = 6;

/**
 * The self-test, random tokens and sampled ones as the reference has them; and a prompt that is fed at once as one that is fed bit by bit.
 *
 * @param longestPrompt tokens of the longest prompt that is to be timed
 * @returns receipts that were compared
 * @throws MismatchError; AbortError
 */
export async function expectSameBits(
  subject: Backend,
  path: string,
  longestPrompt: number,
  { signal }: CommandContext,
): Promise<number> {
  const { backend: reference, view } = await loadReference(path);
  const { bosTokenId, vocabSize } = subject.shape;
  let equal = 0;
  const onToken = (): void => void equal++;
  const random = { name: 'random tokens', tokens: someTokens(RANDOM_TOKENS, vocabSize) };
  for (const stream of [selfTestStream(view.manifest), random]) {
    const mismatch = await compareStream(subject, reference, stream, { signal, onToken });
    if (mismatch !== undefined) throw receiptMismatch(subject.name, mismatch);
  }
  const sampler = samplerSettings({ ...SAMPLER, seed: 1n });
  const request = { prompt: [bosTokenId], maxTokens: SAMPLED_TOKENS, sampler, signal };
  for await (const _ of checkedTokens(subject, reference, request)) onToken();
  await expectSamePrompt(subject, Math.min(PROMPT_TOKENS, longestPrompt), onToken);
  signal.throwIfAborted();
  return equal;
}

async function expectSamePrompt(subject: Backend, tokens: number, onToken: () => void): Promise<void> {
  const prompt = someTokens(tokens, subject.shape.vocabSize);
  const expected: number[] = [];
  await subject.reset();
  for (let start = 0; start < prompt.length; start += FEW_TOKENS) {
    const few = prompt.slice(start, start + FEW_TOKENS);
    await subject.replay(few, { taps: false }, ({ receipt }) => expected.push(receipt));
  }
  let position = 0;
  await subject.reset();
  await subject.replay(prompt, { taps: false }, ({ token, receipt: actualReceipt }) => {
    const expectedReceipt = expected[position] ?? NaN;
    if (actualReceipt !== expectedReceipt) {
      throw receiptMismatch(subject.name, {
        stream: 'a prompt at once',
        position,
        token,
        expectedReceipt,
        actualReceipt,
      });
    }
    position++;
    onToken();
  });
}

/**
 * The sequences of a batch, each as it is alone: how many there are decides which kernels run.
 *
 * @returns receipts that were compared
 * @throws MismatchError; GpuError; AbortError
 */
export async function expectSameBatch(model: GpuModel, batch: number, signal: AbortSignal): Promise<number> {
  const { bosTokenId, vocabSize } = model.shape;
  const runs = Array.from({ length: batch }, (_, k) => ({
    prompt: [bosTokenId, (bosTokenId + k) % vocabSize],
    maxTokens: BATCH_TOKENS,
    sampler: samplerSettings({ ...SAMPLER, seed: BigInt(k) }),
  }));
  const together = await tokensOf(model, batch, [runs], signal);
  const alone = await tokensOf(
    model,
    1,
    runs.map((run) => [run]),
    signal,
  );
  // One sequence after the other, as those alone.
  const actual = together.toSorted((a, b) => a.sequence - b.sequence || a.index - b.index);
  for (let at = 0; at < Math.max(alone.length, actual.length); at++) {
    const { id, receipt, index } = alone[at] ?? { id: NaN, receipt: NaN, index: NaN };
    const other = actual[at] ?? { id: NaN, receipt: NaN, sequence: batch - 1 };
    if (receipt === other.receipt && id === other.id) continue;
    throw receiptMismatch('gpu', {
      stream: `sequence ${other.sequence} of a batch of ${batch}`,
      position: index,
      token: id,
      expectedReceipt: receipt,
      actualReceipt: other.receipt,
    });
  }
  return alone.length;
}

/** What comes of runs, those of each list side by side, one list after the other from states of zero. */
async function tokensOf(
  model: GpuModel,
  count: number,
  lists: readonly (readonly SequenceRun[])[],
  signal: AbortSignal,
): Promise<SequenceToken[]> {
  const sequences = await GpuSequences.create(model, count);
  const tokens: SequenceToken[] = [];
  try {
    for (const runs of lists) {
      sequences.reset();
      for await (const step of sequences.run(runs, signal)) tokens.push(...step);
      signal.throwIfAborted();
    }
  } finally {
    await sequences.close();
  }
  return tokens;
}
