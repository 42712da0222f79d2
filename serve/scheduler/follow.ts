/**
 * A text that somebody told is fed again: its receipts are computed, and the tokens that would have been chosen.
 * Nothing that is known is used.
 */
import { feedOnly, type Machine, type Sequence } from '../../model/machine/machine.js';
import type { Receiver, Told, Work } from './job.js';
import { sampler } from './sampler.js';

/**
 * Gives, for each token that was told, the receipt of the logits in front of it and the token that is chosen from them.
 *
 * @throws what the machine throws
 */
export async function follow(
  work: Work,
  { tokens, draw }: Told,
  machine: Machine,
  sequence: Sequence,
  to: Receiver,
  signal: AbortSignal,
): Promise<void> {
  const { prompt } = work;
  const { name } = machine.facts;
  await feedOnly(sequence, prompt.slice(0, -1), signal);
  if (signal.aborted) return;
  const fed = [...prompt.slice(-1), ...tokens.slice(0, -1)];
  let index = 0;
  for await (const { receipt, logits } of sequence.feed(fed, {
    want: draw === undefined ? 'receipts' : 'logits',
    signal,
  })) {
    const isChosen = draw !== undefined && logits !== undefined;
    const id = isChosen ? sampler.choose(logits, work.sampler, draw + index) : tokens[index]!;
    to.token({ index, id, receipt, machine: name });
    index++;
  }
}
