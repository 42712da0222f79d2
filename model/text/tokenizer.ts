/** The tokenizer of a model: text → token ids by `Encoder`, token ids → text by `TextStream`. */

import type { AddedToken } from './added-tokens.js';
import { Encoder } from './encoder.js';
import { TextStream } from './text-stream.js';
import { namingFile } from './tokenizer-error.js';
import { readTokenizerFile, type TokenIds } from './tokenizer-file.js';
import { WHITE_SPACE } from './unicode-classes.js';

const SPACE = new RegExp(`[${WHITE_SPACE}]`, 'u');

/** Text → token ids, and back. */
export interface Tokenizer {
  /**
   * Its ids, without special tokens around them; special tokens spelt out in the text become their ids.
   *
   * @param text any
   * @param goesOn whether other text is before it: a tokenizer that puts a space in front of a text does not then
   */
  readonly encode: (text: string, goesOn?: boolean) => number[];
  /**
   * Whether a text may be encoded in pieces, each of which begins in front of white space that something else follows:
   * no token reaches over such a place.
   */
  readonly cutsAtSpace: boolean;
  /** A decoder for one text. */
  readonly textStream: () => TextStream;
  /** Added tokens of the file that the model has no row for: they are text like any other. */
  readonly dropped: readonly string[];
}

/**
 * A promise, so that it can be made beside other work, and a tokenizer that is wrong is found by who needs it.
 *
 * @param json `tokenizer.json`, untrusted; empty if the model has none
 * @param ids what it must fit
 * @param path of the file, if it is from one: the error names it
 * @throws TokenizerError
 */
export async function loadTokenizer(json: Uint8Array, ids: TokenIds, path?: string): Promise<Tokenizer> {
  const { tables, texts, dropped } = namingFile(path, () => readTokenizerFile(json, ids));
  const encoder = new Encoder(tables);
  const { words, normalizer, addedTokens } = tables;
  const reachesOver = ({ content, lstrip, rstrip }: AddedToken): boolean => lstrip || rstrip || SPACE.test(content);
  return {
    cutsAtSpace:
      words.style === 'byte-level' &&
      words.split &&
      normalizer.length === 0 &&
      !addedTokens.some((token) => reachesOver(token)),
    encode: (text, goesOn) => encoder.encode(text, goesOn),
    textStream: () => new TextStream(texts),
    dropped,
  };
}
