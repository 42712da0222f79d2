/** Messages that compute tokens. docs/PROTOCOL.md, sections 3 and 5. */

import { MODEL_LIMITS } from '../image/model-shape.js';
import { MAX_CANDIDATES, MAX_INV_TEMPERATURE, MAX_TOP_P } from '../sampling.js';
import { constant, count, restU32, u16, u32, u64, u8 } from './layout.js';
import type { LayoutValue } from './layout.js';
import { fixedMessage } from './message.js';

/** Most tokens of one `RUN`. */
export const MAX_RUN_TOKENS = 1000;

/** Sets the recurrent state to zero. Answer: `DONE`. */
export const RESET = fixedMessage(0x10, 'RESET', {});

/** What was asked is done. */
export const DONE = fixedMessage(0x90, 'DONE', { request: u8() });

/** Feeds one token. Answer: `STEPPED`. */
export const STEP = fixedMessage(0x11, 'STEP', {
  /** 1: send the CRC of every layer's residual vector. */
  taps: u8(0, 1),
  /** How many of the largest logits to send. */
  candidates: u8(0, MAX_CANDIDATES),
  zero: constant(2),
  token: u32(),
});

export const STEPPED = fixedMessage(0x91, 'STEPPED', {
  /** The greedy choice: the largest logit, the lower id if equal. */
  token: u32(),
  /** CRC-32 of the logits. */
  receipt: u32(),
  /** See {@link partsOfStepped}. */
  words: restU32(0, MODEL_LIMITS.layers + 1 + 2 * MAX_CANDIDATES),
});

/** Feeds tokens, then samples. Answers: `TOKEN` for each token sampled, then `ENDED`. */
export const RUN = fixedMessage(0x12, 'RUN', {
  /** Chosen by the host; names the run in all that follows. */
  run: u32(),
  /** Index of the first token sampled: not 0 where a run is taken up again. */
  firstIndex: u32(),
  maxTokens: u32(),
  topK: u8(1, MAX_CANDIDATES),
  /** 1: keep the recurrent state, 0: set it to zero first. */
  keep: u8(0, 1),
  /** Q10; 0 is greedy. */
  inverseTemperature: u16(0, MAX_INV_TEMPERATURE),
  /** Q15; 32,768 is off. */
  topP: u16(1, MAX_TOP_P),
  zero: constant(2),
  seed: u64(),
  count: count(4),
  tokens: restU32(1, MAX_RUN_TOKENS),
});

export const TOKEN = fixedMessage(0x92, 'TOKEN', {
  run: u32(),
  index: u32(),
  token: u32(),
  /** CRC-32 of the logits that the token was chosen from. */
  receipt: u32(),
});

/** Why a run is over. */
export const END_REASON = { maxTokens: 0, endOfText: 1, cancelled: 2, unknownRun: 3 } as const;

export const ENDED = fixedMessage(0x93, 'ENDED', {
  run: u32(),
  /** Index that the next token would have had. */
  nextIndex: u32(),
  /** One of {@link END_REASON}. */
  reason: u8(0, END_REASON.unknownRun),
  zero: constant(3),
});

/** Answer: `ENDED`. */
export const CANCEL = fixedMessage(0x13, 'CANCEL', { run: u32() });

/** Sends the tokens from `index` on again and goes on. Answers as to `RUN`. */
export const RESUME = fixedMessage(0x14, 'RESUME', { run: u32(), index: u32() });

/** One of the largest logits. */
export interface Candidate {
  readonly id: number;
  /** int32. */
  readonly logit: number;
}

export interface SteppedParts {
  /** CRC-32 of the residual vector after the embedding and after each layer: L + 1. */
  readonly taps: Uint32Array;
  /** Largest logit first, the lower id first where equal. */
  readonly candidates: readonly Candidate[];
}

/** Taps and candidates as the words of `STEPPED`. */
export function wordsOfStepped({ taps, candidates }: SteppedParts): Uint32Array {
  return Uint32Array.from([...taps, ...candidates.flatMap(({ id, logit }) => [id, logit])]);
}

/**
 * The words of `STEPPED` as taps and candidates; undefined if there are more or fewer than asked for.
 *
 * @param taps how many were asked for: 0 or L + 1
 * @param candidates how many were asked for; a smaller vocabulary has only V
 */
export function partsOfStepped(
  { words }: LayoutValue<typeof STEPPED.layout>,
  taps: number,
  candidates: number,
): SteppedParts | undefined {
  if (words.length !== taps + 2 * candidates) return undefined;
  return {
    taps: words.subarray(0, taps),
    candidates: Array.from({ length: candidates }, (_, index) => {
      const at = taps + 2 * index;
      return { id: words[at]!, logit: words[at + 1]! | 0 };
    }),
  };
}
