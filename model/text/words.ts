/**
 * Text between added tokens → the words within which pairs are joined.
 *
 * Byte-level tokenizers cut as GPT-2 does, with the classes of the Rust library in place of V8's. Those of the
 * SentencePiece kind write a mark for a space, and cut in front of each mark or not at all.
 */

import { LETTERS, NUMBERS, WHITE_SPACE } from './unicode-classes.js';

export type Words =
  | { readonly style: 'byte-level'; readonly addPrefixSpace: boolean; readonly split: boolean }
  | {
      readonly style: 'metaspace';
      /** What a space becomes. */
      readonly mark: string;
      /** Which text gets a mark in front: none, all, or that at the beginning. */
      readonly prepend: 'never' | 'always' | 'first';
      readonly split: boolean;
    }
  | { readonly style: 'whole' };

/** 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ of encoder.py of GPT-2. */
const GPT2_WORD = new RegExp(
  "'(?:s|t|re|ve|m|ll|d)" +
    `| ?[${LETTERS}]+| ?[${NUMBERS}]+| ?[^${WHITE_SPACE}${LETTERS}${NUMBERS}]+` +
    `|[${WHITE_SPACE}]+(?![^${WHITE_SPACE}])|[${WHITE_SPACE}]+`,
  'gu',
);

/** Whether the whole text begins with a piece, or an added token is before it, or text that was encoded earlier. */
export type Place = 'first' | 'behind a token' | 'behind text';

/** @param text not empty */
export function splitIntoWords(text: string, words: Words, place: Place): string[] {
  if (words.style === 'whole') return [text];
  if (words.style === 'byte-level') {
    const isSpaced = words.addPrefixSpace && place !== 'behind text' && !text.startsWith(' ');
    const spaced = isSpaced ? ` ${text}` : text;
    return words.split ? (spaced.match(GPT2_WORD) ?? []) : [spaced];
  }
  const { mark, prepend, split } = words;
  const marked = text.replaceAll(' ', () => mark);
  const isPrepended = place === 'first' ? prepend !== 'never' : prepend === 'always' && place === 'behind a token';
  const whole = isPrepended && !marked.startsWith(mark) ? mark + marked : marked;
  return split ? cutBefore(whole, mark) : [whole];
}

function cutBefore(text: string, mark: string): string[] {
  const words: string[] = [];
  let start = 0;
  for (let at = text.indexOf(mark, 1); at > 0; at = text.indexOf(mark, at + 1)) {
    words.push(text.slice(start, at));
    start = at;
  }
  return [...words, text.slice(start)];
}
