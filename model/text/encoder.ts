/**
 * Text → token ids, as the Rust library `tokenizers` computes them: added tokens as written, normaliser, added tokens
 * in the normalised text, words, pairs.
 */

import { AddedTokenFinder, type AddedToken } from './added-tokens.js';
import { PairMerger, type Merge } from './bpe.js';
import { splitIntoWords, type Place, type Words } from './words.js';

/** A step of the normaliser. */
export type Normalization =
  | { readonly type: 'prepend'; readonly text: string }
  | { readonly type: 'replace'; readonly from: string; readonly to: string };

/** All that encoding needs of a checked tokenizer. */
export interface EncoderTables {
  readonly vocabSize: number;
  /** Without the added tokens that are not in it. */
  readonly idOf: ReadonlyMap<string, number>;
  /** [256], the token of each byte. */
  readonly byteIds: readonly number[];
  readonly merges: readonly Merge[];
  readonly normalizer: readonly Normalization[];
  readonly words: Words;
  readonly addedTokens: readonly AddedToken[];
  /** How a word that is a token as a whole is looked up, or undefined when pairs are always joined. */
  readonly spellWord: ((word: string) => string) | undefined;
}

const utf8 = new TextEncoder();

/** Most words whose tokens are kept. */
const KEPT_WORDS = 20_000;
/** In UTF-16 units. From 13 on V8 makes a part of a string as a view, which would keep the whole text in memory. */
const LONGEST_KEPT = 12;

export class Encoder {
  private readonly tables: EncoderTables;
  private readonly asWritten: AddedTokenFinder;
  private readonly asNormalized: AddedTokenFinder;
  private readonly merger: PairMerger;
  /** Tokens of the words seen last: text repeats them. */
  private readonly keptWords = new Map<string, readonly number[]>();

  constructor(tables: EncoderTables) {
    const { addedTokens, normalizer, merges, vocabSize } = tables;
    this.tables = tables;
    this.asWritten = new AddedTokenFinder(
      addedTokens.filter((token) => !token.normalized),
      (content) => content,
    );
    this.asNormalized = new AddedTokenFinder(
      addedTokens.filter((token) => token.normalized),
      (content) => normalize(content, normalizer),
    );
    this.merger = new PairMerger(merges, vocabSize);
  }

  /** @param goesOn whether other text is before it: then it gets no space in front */
  encode(text: string, goesOn = false): number[] {
    const { normalizer } = this.tables;
    const ids: number[] = [];
    for (const written of this.asWritten.split(wellFormed(text))) {
      if (written.id !== undefined) {
        ids.push(written.id);
        continue;
      }
      const isBegun = goesOn && written.start === 0;
      const steps = isBegun ? normalizer.filter(({ type }) => type !== 'prepend') : normalizer;
      for (const part of this.asNormalized.split(normalize(written.text, steps))) {
        if (part.id !== undefined) ids.push(part.id);
        else this.encodeText(part.text, placeOf(written.start + part.start, goesOn), ids);
      }
    }
    return ids;
  }

  private encodeText(text: string, place: Place, ids: number[]): void {
    for (const word of splitIntoWords(text, this.tables.words, place)) {
      for (const id of this.idsOfWord(word)) ids.push(id);
    }
  }

  private idsOfWord(word: string): readonly number[] {
    const kept = this.keptWords.get(word);
    if (kept !== undefined) return kept;
    const ids = this.encodeWord(word);
    if (word.length > LONGEST_KEPT) return ids;
    // All at once: other books have other words.
    if (this.keptWords.size === KEPT_WORDS) this.keptWords.clear();
    this.keptWords.set(word, ids);
    return ids;
  }

  private encodeWord(word: string): number[] {
    const { spellWord, idOf, words, byteIds } = this.tables;
    const wholeId = spellWord && idOf.get(spellWord(word));
    if (wholeId !== undefined) return [wholeId];
    const bytesOf = (text: string): number[] => Array.from(utf8.encode(text), (byte) => byteIds[byte]);
    if (words.style === 'byte-level') return this.merger.merge(bytesOf(word));
    const symbols: number[] = [];
    for (const character of word) {
      const id = idOf.get(character);
      if (id !== undefined) symbols.push(id);
      else symbols.push(...bytesOf(character));
    }
    return this.merger.merge(symbols);
  }
}

function placeOf(start: number, goesOn: boolean): Place {
  if (start > 0) return 'behind a token';
  return goesOn ? 'behind text' : 'first';
}

export function normalize(text: string, steps: readonly Normalization[]): string {
  if (text === '') return '';
  return steps.reduce(
    (before, step) => (step.type === 'prepend' ? step.text + before : before.replaceAll(step.from, () => step.to)),
    text,
  );
}

/** UTF-8 has no lone surrogates. */
function wellFormed(text: string): string {
  return text.replaceAll(/\p{Surrogate}/gu, '\ufffd');
}
