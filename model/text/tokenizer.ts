/**
 * The tokenizer of a model: text → token ids by `@huggingface/tokenizers`, token ids → text by `TextStream`.
 *
 * The library reproduces the ids of the published tokenizer, and is loaded with the first tokenizer.
 */

import { TextStream } from './text-stream.js';
import { readTokenizerFile } from './tokenizer-file.js';
import type { TokenIds } from './tokenizer-file.js';

export interface Tokenizer {
  /** Ids of `text`, without special tokens around it; special tokens spelt out in the text become their ids. */
  readonly encode: (text: string) => number[];
  /** A decoder for one text. */
  readonly textStream: () => TextStream;
}

/** What is used of the library. Its own declarations lack file extensions, so under Node's rules they are all `any`. */
interface Library {
  readonly Tokenizer: new (
    definition: object,
    config: object,
  ) => { encode(text: string, options: { add_special_tokens: boolean }): { readonly ids: number[] } };
}

/**
 * @param json `tokenizer.json`, untrusted; empty if the model has none
 * @param ids what it must fit
 * @throws TokenizerError
 */
export async function loadTokenizer(json: Uint8Array, ids: TokenIds): Promise<Tokenizer> {
  const { definition, texts } = readTokenizerFile(json, ids);
  const library: Library = await import('@huggingface/tokenizers');
  const encoder = new library.Tokenizer(definition, {});
  return {
    encode: (text) => encoder.encode(text, { add_special_tokens: false }).ids,
    textStream: () => new TextStream(texts),
  };
}
