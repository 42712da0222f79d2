/** Was it this model that said so? A log of tokens with receipts, computed again. */

import type { Mismatch } from '../engine/mismatch-error.js';
import type { OpenedMachine } from '../engine/opened-machine.js';
import { compareStream, withSequences } from '../engine/same-bits.js';
import { promptTokens, tokenizerOf } from '../engine/text-session.js';
import type { GeneratedToken } from '../model/machine/machine.js';

/** What somebody says that a machine generated, from the state zero. */
export interface ReceiptLog {
  /**
   * What the text began with: text, behind which nothing is assumed but the token that begins texts; or all token ids.
   */
  readonly prompt: string | readonly number[];
  /** Tokens in order, each with the CRC-32 of the logits that it was chosen from. */
  readonly tokens: readonly Pick<GeneratedToken, 'id' | 'receipt'>[];
}

/** What a check of a log found. */
export interface Verdict {
  /** Receipts that were found right, up to the first that is not. */
  readonly verified: number;
  /** The first wrong one; absent if all are right. */
  readonly mismatch?: Mismatch;
}

/**
 * Feeds the tokens of a log to a machine and compares each receipt with what that machine computes. It says that the
 * logits are those of this model and text, not that the sampler chose rightly among them.
 *
 * @param opened the machine that computes again, the reference for example
 * @param log prompt and tokens
 * @param signal ends the work
 * @returns how many are right, and the first that is not
 * @throws RangeError for what is no token; {@link MmfreeError} for a text prompt where the image has no tokenizer; what
 *   the machine throws; the signal's reason
 */
export async function verifyReceipts(opened: OpenedMachine, log: ReceiptLog, signal?: AbortSignal): Promise<Verdict> {
  const { machine } = opened;
  const prompt =
    typeof log.prompt === 'string' ? promptTokens(machine, await tokenizerOf(opened), log.prompt) : log.prompt;
  if (prompt.length === 0) throw new RangeError('a log has at least one token of a prompt');
  const ids = log.tokens.map(({ id }) => id);
  const stream = {
    name: 'the log',
    opening: prompt.slice(0, -1),
    tokens: [...prompt.slice(-1), ...ids].slice(0, ids.length),
    receipts: log.tokens.map(({ receipt }) => receipt),
  };
  let verified = 0;
  const options = { signal, onToken: (): void => void verified++ };
  const mismatch = await withSequences([machine], async ([subject]) =>
    compareStream({ name: machine.facts.name, subject: subject! }, stream, options),
  );
  signal?.throwIfAborted();
  return { verified, ...(mismatch && { mismatch }) };
}
