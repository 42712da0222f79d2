/** Documents → one stream of token ids, each document with the beginning-of-text token in front, and windows of it. */
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { threefryPair } from '../../integer/threefry.js';

/** @param onDocument called after each, between which others have a turn */
export async function encodeDocuments(
  documents: readonly string[],
  encode: (text: string) => readonly number[],
  bosId: number,
  onDocument: (characters: number) => void,
): Promise<Uint32Array> {
  let ids = new Uint32Array(1 << 16);
  let count = 0;
  for (const document of documents) {
    const encoded = encode(document);
    if (count + encoded.length + 1 > ids.length) {
      const larger = new Uint32Array(2 * (count + encoded.length + 1));
      larger.set(ids.subarray(0, count));
      ids = larger;
    }
    ids[count++] = bosId;
    ids.set(encoded, count);
    count += encoded.length;
    onDocument(document.length);
    await setImmediate();
  }
  return ids.subarray(0, count);
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
  tokens: Uint32Array,
  { seed, step, first, count, length }: { seed: bigint; step: number; first: number; count: number; length: number },
): Windows {
  const [low, high] = [Number(seed & 0xffff_ffffn), Number(seed >> 32n)];
  const starts = Array.from({ length: count }, (_, k) => {
    const [a, b] = threefryPair(low, high, first + k, step);
    return Math.floor(((a * 2 ** 21 + (b >>> 11)) / 2 ** 53) * (tokens.length - length));
  });
  return windowsAt(tokens, starts, length);
}

export function windowsAt(tokens: Uint32Array, starts: readonly number[], length: number): Windows {
  const ids = new Uint32Array(starts.length * length);
  const targets = new Int32Array(ids.length);
  starts.forEach((start, row) => {
    ids.set(tokens.subarray(start, start + length), row * length);
    targets.set(tokens.subarray(start + 1, start + 1 + length), row * length);
  });
  return { ids, targets };
}

/** SHA-256 of the ids, to tell whether a run goes on with the same text. */
export function hashOfTokens(tokens: Uint32Array): string {
  return createHash('sha256')
    .update(new Uint8Array(tokens.buffer, tokens.byteOffset, tokens.byteLength))
    .digest('hex');
}
