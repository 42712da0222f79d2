/** Does a machine compute what the reference does: `mmfree verify` of boards and GPUs. */
import type { Backend } from '../../../model/backends/backend.js';
import { compareStream, selfTestStream, type ConformanceStream } from '../../../model/backends/conformance.js';
import { samplerSettings } from '../../../model/integer/sampler.js';
import { threefry } from '../../../model/integer/threefry.js';
import type { ImageManifest } from '../../../protocol/image/manifest.js';
import { MmfreeError } from '../../../protocol/errors.js';
import type { CommandContext } from '../../command.js';
import { checkedTokens } from '../run/checked-tokens.js';
import { MismatchError, receiptMismatch } from './mismatch-error.js';

/** Tokens that the machine samples by itself. */
const SAMPLED_TOKENS = 64;

/** Two machines with the same image. */
export interface Comparison {
  readonly subject: Backend;
  readonly reference: Backend;
  readonly manifest: ImageManifest;
  /** For people: where the image comes from. */
  readonly imageName: string;
}

/**
 * Self-test, random tokens, and a run that the subject samples; prints the verdict.
 *
 * @throws MismatchError; what the backends throw; AbortError
 */
export async function compareWithReference(
  { subject, reference, manifest, imageName }: Comparison,
  randomTokens: number,
  { output, signal }: CommandContext,
): Promise<void> {
  const { vocabSize, bosTokenId } = subject.shape;
  const selfTest = selfTestStream(manifest);
  const random: ConformanceStream = {
    name: 'random tokens',
    tokens: Array.from({ length: randomTokens }, (_, index) => threefry(1, 0, index, 0) % vocabSize),
  };
  const total = selfTest.tokens.length + randomTokens + SAMPLED_TOKENS;
  const progress = output.progress({ label: 'verify', unit: 'tokens', total });
  let done = 0;
  const onToken = (): void => progress.update(++done);
  const startMs = performance.now();
  try {
    for (const stream of [selfTest, random]) {
      const mismatch = await compareStream(subject, reference, stream, { signal, onToken });
      if (mismatch !== undefined) throw receiptMismatch(subject.name, mismatch);
    }
    const sampler = samplerSettings({ temperature: 0.8, topK: 40, topP: 0.95, seed: 1n });
    const request = { prompt: [bosTokenId], maxTokens: SAMPLED_TOKENS, sampler, signal };
    try {
      for await (const _ of checkedTokens(subject, reference, request)) onToken();
    } catch (error) {
      // By code: the class is loaded with boards only.
      if (!(error instanceof MmfreeError && error.code === 'board-unknown-request')) throw error;
      output.note(`${subject.name} does not sample by itself, which is not verified therefore`);
    }
    signal.throwIfAborted();
  } catch (error) {
    if (error instanceof MismatchError) {
      output.result({ backend: subject.name, tokens: done, mismatches: 1, first_mismatch: error.facts });
    }
    throw error;
  } finally {
    progress.end();
  }
  const seconds = (performance.now() - startMs) / 1000;
  output.result({
    backend: subject.name,
    tokens: done,
    mismatches: 0,
    first_mismatch: null,
    tokens_per_second: done / seconds,
  });
  output.print(
    `bit-exact over ${done} tokens: ${subject.name} computes ${imageName} as the reference does ` +
      `(self-test ${selfTest.tokens.length}, random ${randomTokens}, sampled ${done - selfTest.tokens.length - randomTokens})\n`,
  );
}
