/** That a benchmark times the right computation: what is fed at once and what runs side by side, before any figure. */
import { receiptMismatch } from '../../../engine/mismatch-error.js';
import { expectSameBits, withSequences } from '../../../engine/same-bits.js';
import { samplerSettings } from '../../../model/integer/sampler.js';
import type { GeneratedToken, GenerateRequest, Machine, Sequence } from '../../../model/machine/machine.js';
import { testTokens } from '../../../model/machine/test-tokens.js';
import type { ImageManifest } from '../../../protocol/image/manifest.js';
import { USUAL_SAMPLING } from '../../../protocol/sampling.js';
import { openSequences } from './sequences.js';

/** More than the kernels for few rows take at a time, and not a multiple of anything. */
const PROMPT_TOKENS = 101;
const FEW_TOKENS = 7;
const BATCH_TOKENS = 6;

/** The reference needs a second for a token of the 2.7B shape. */
const COMPARED = { random: 6, sampled: 4 };

/**
 * Self-test, a few random tokens and a few sampled ones, each as another machine has it.
 *
 * @returns receipts that were compared
 * @throws MismatchError; what the machines throw; AbortError
 */
export async function expectSameTokens(
  machine: Machine,
  judge: Machine,
  manifest: Pick<ImageManifest, 'selfTest'>,
  signal: AbortSignal,
): Promise<number> {
  const { selfTest, random, sampled } = await expectSameBits(machine, judge, manifest, COMPARED, { signal });
  return selfTest + random + sampled;
}

/**
 * A prompt that is fed at once as one that is fed bit by bit.
 *
 * @param longest tokens of the longest prompt that is to be timed
 * @returns receipts that were compared
 * @throws MismatchError
 */
export async function expectSamePrompt(machine: Machine, longest: number): Promise<number> {
  const { shape, name } = machine.facts;
  const prompt = testTokens(Math.min(PROMPT_TOKENS, longest), shape.vocabSize);
  return await withSequences([machine, machine], async ([atOnce, bitByBit]) => {
    const expected: number[] = [];
    for (let start = 0; start < prompt.length; start += FEW_TOKENS) {
      const few = prompt.slice(start, start + FEW_TOKENS);
      for await (const { receipt } of bitByBit!.feed(few)) expected.push(receipt);
    }
    let position = 0;
    for await (const { token, receipt: actualReceipt } of atOnce!.feed(prompt)) {
      const expectedReceipt = expected[position] ?? NaN;
      if (actualReceipt !== expectedReceipt) {
        throw receiptMismatch(name, { stream: 'a prompt at once', position, token, expectedReceipt, actualReceipt });
      }
      position++;
    }
    return position;
  });
}

/**
 * The sequences of a batch, each as it is alone: how many there are decides which kernels run.
 *
 * @returns receipts that were compared
 * @throws MismatchError; what the machine throws; AbortError
 */
export async function expectSameBatch(machine: Machine, batch: number, signal: AbortSignal): Promise<number> {
  const { bosTokenId, vocabSize } = machine.facts.shape;
  const requests = Array.from({ length: batch }, (_, k) => ({
    prompt: [bosTokenId, (bosTokenId + k) % vocabSize],
    maxTokens: BATCH_TOKENS,
    sampler: samplerSettings({ ...USUAL_SAMPLING, seed: BigInt(k) }),
    signal,
  }));
  const sequences = await openSequences(machine, batch);
  const together = await Promise.all(sequences.map((sequence, k) => tokensOf(sequence, requests[k]!)));
  let equal = 0;
  for (const [k, sequence] of sequences.entries()) {
    const actual = together[k]!;
    await sequence.reset();
    const alone = await tokensOf(sequence, requests[k]!);
    signal.throwIfAborted();
    for (let at = 0; at < Math.max(alone.length, actual.length); at++) {
      const { id, receipt, index } = alone[at] ?? { id: NaN, receipt: NaN, index: NaN };
      if (receipt !== actual[at]?.receipt || id !== actual[at]?.id) {
        throw receiptMismatch(machine.facts.name, {
          stream: `sequence ${k} of a batch of ${batch}`,
          position: index,
          token: id,
          expectedReceipt: receipt,
          actualReceipt: actual[at]?.receipt ?? NaN,
        });
      }
      equal++;
    }
    await sequence.close();
  }
  return equal;
}

async function tokensOf(sequence: Sequence, request: GenerateRequest): Promise<GeneratedToken[]> {
  const tokens: GeneratedToken[] = [];
  for await (const token of sequence.generate(request)) tokens.push(token);
  return tokens;
}
