/** Documents → one stream of token ids, each document with the beginning-of-text token in front, and windows of it. */
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { ModelConfig } from '../../config.js';
import { threefryPair } from '../../integer/threefry.js';
import type { Tokenizer } from '../../text/tokenizer.js';
import { documentTooLong } from '../train-error.js';
import type { TextPiece } from './text-pieces.js';
import { TokenStore, type TokenSequence } from './token-store.js';

/** Of a document that must be encoded as a whole: the memory that this takes is hundreds of times as much. */
const MOST_CHARACTERS = 1 << 23;

/**
 * @param pieces of documents
 * @param onPiece called behind each, between which others have a turn
 * @throws TrainError for a document that is too long for this tokenizer
 */
export async function encodePieces(
  pieces: AsyncIterable<TextPiece>,
  { encode, cutsAtSpace }: Pick<Tokenizer, 'encode' | 'cutsAtSpace'>,
  { bosTokenId, vocabSize }: Pick<ModelConfig, 'bosTokenId' | 'vocabSize'>,
  onPiece: (characters: number) => void,
): Promise<TokenStore> {
  const tokens = new TokenStore(vocabSize);
  let isBegun = false;
  let waiting = '';
  for await (const { text, isLast } of pieces) {
    waiting += text;
    if (!cutsAtSpace && waiting.length > MOST_CHARACTERS) throw documentTooLong(MOST_CHARACTERS);
    if (isLast || cutsAtSpace) {
      if (!isBegun) tokens.push([bosTokenId]);
      tokens.push(encode(waiting, isBegun));
      waiting = '';
      isBegun = !isLast;
    }
    onPiece(text.length);
    await setImmediate();
  }
  return tokens;
}

/** Rows of a micro-batch. */
export interface Windows {
  /** [sequences][length] */
  readonly ids: Uint32Array<ArrayBuffer>;
  /** [sequences][length] the tokens behind those. */
  readonly targets: Int32Array;
}

/**
 * Random windows. Window w of step s is drawn from (seed, s, w) alone, so a run goes on anywhere.
 *
 * @param tokens more than `length`
 */
export function randomWindows(
  tokens: TokenSequence,
  { seed, step, first, count, length }: { seed: bigint; step: number; first: number; count: number; length: number },
): Windows {
  const [low, high] = [Number(seed & 0xffff_ffffn), Number(seed >> 32n)];
  const starts = Array.from({ length: count }, (_, k) => {
    const [a, b] = threefryPair(low, high, first + k, step);
    return Math.floor(((a * 2 ** 21 + (b >>> 11)) / 2 ** 53) * (tokens.length - length));
  });
  return windowsAt(tokens, starts, length);
}

export function windowsAt(tokens: TokenSequence, starts: readonly number[], length: number): Windows {
  const ids = new Uint32Array(starts.length * length);
  const targets = new Int32Array(ids.length);
  starts.forEach((start, row) => {
    ids.set(tokens.subarray(start, start + length), row * length);
    targets.set(tokens.subarray(start + 1, start + 1 + length), row * length);
  });
  return { ids, targets };
}

/** Ids that are hashed at once. */
const HASHED = 1 << 16;

/** SHA-256 of the ids, 32 bits each, to tell whether a run goes on with the same text. */
export function hashOfTokens(tokens: TokenSequence): string {
  const hash = createHash('sha256');
  for (let at = 0; at < tokens.length; at += HASHED) {
    const ids = Uint32Array.from(tokens.subarray(at, Math.min(at + HASHED, tokens.length)));
    hash.update(new Uint8Array(ids.buffer));
  }
  return hash.digest('hex');
}
