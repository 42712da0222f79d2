/** What any machine is timed with: so many sequences that generate as `mmfree run` would. */
import { samplerSettings } from '../../../model/integer/sampler.js';
import type { Machine, Sequence } from '../../../model/machine/machine.js';
import type { ModelShape } from '../../../protocol/image/model-shape.js';
import { USUAL_SAMPLING } from '../../../protocol/sampling.js';

export async function openSequences(machine: Machine, count: number): Promise<readonly Sequence[]> {
  return await Promise.all(Array.from({ length: count }, () => machine.open()));
}

/**
 * Runs all sequences for `tokens` tokens each. One that ends its text begins the next with the others, from nothing:
 * going on would be a step more, for the token that was chosen last.
 *
 * @param onToken called after each token with the tokens so far
 * @returns tokens of all sequences
 */
export async function generateTokens(
  sequences: readonly Sequence[],
  shape: ModelShape,
  tokens: number,
  signal: AbortSignal,
  onToken: (count: number) => void = () => {},
): Promise<number> {
  let count = 0;
  for (let text = 0; count < tokens * sequences.length; text++) {
    const maxTokens = Math.ceil(tokens - count / sequences.length);
    const runs = sequences.map(async (sequence, k) => {
      const prompt = [(shape.bosTokenId + k) % shape.vocabSize];
      const sampler = samplerSettings({ ...USUAL_SAMPLING, seed: BigInt(text * sequences.length + k) });
      await sequence.reset();
      for await (const _ of sequence.generate({ prompt, maxTokens, sampler, signal })) onToken(++count);
    });
    await Promise.all(runs);
    signal.throwIfAborted();
  }
  return count;
}

/** Parts of the largest, which come in order; each once. */
export function upTo(largest: number, parts: readonly number[]): number[] {
  return [...new Set(parts.map((part) => Math.ceil(largest / part)))];
}
