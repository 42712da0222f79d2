/** What is timed of a machine, each as often as it is asked for. */
import { feedOnly, type Machine } from '../../../model/machine/machine.js';
import { testTokens } from '../../../model/machine/test-tokens.js';
import { rateOf, type Rate } from './rounds.js';
import { generateTokens, openSequences } from './sequences.js';

/** As many as another engine has before its time is taken (scripts/peers). */
const WARM_UP_TOKENS = 4;

/**
 * Generates with `batch` sequences side by side, sampling included.
 *
 * @returns tokens of all together
 * @throws AbortError
 */
export async function decodeRate(machine: Machine, batch: number, tokens: number, signal: AbortSignal): Promise<Rate> {
  const { shape } = machine.facts;
  const sequences = await openSequences(machine, batch);
  try {
    await generateTokens(sequences, shape, WARM_UP_TOKENS, signal);
    return await rateOf(async () => await generateTokens(sequences, shape, tokens, signal));
  } finally {
    for (const sequence of sequences) await sequence.close();
  }
}

/** Feeds a prompt from a state of zero, until it is computed. @throws AbortError */
export async function prefillRate(machine: Machine, length: number, signal: AbortSignal): Promise<Rate> {
  const prompt = testTokens(length, machine.facts.shape.vocabSize);
  const sequence = await machine.open();
  try {
    const rate = await rateOf(async () => {
      await feedOnly(sequence, prompt, signal);
      return length;
    });
    signal.throwIfAborted();
    return rate;
  } finally {
    await sequence.close();
  }
}
