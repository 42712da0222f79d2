/**
 * Tokens that are found in a text as they are written, before it is cut into words.
 *
 * At each place the longest one counts, from left to right. Tokens may take the white space beside them along. This is
 * what the Rust library `tokenizers` does in `AddedVocabulary`.
 */

import { WHITE_SPACE } from './unicode-classes.js';

export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Not part of a text: prints nothing. */
  readonly special: boolean;
  /** Takes the white space before it along. */
  readonly lstrip: boolean;
  /** Takes the white space behind it along. */
  readonly rstrip: boolean;
  /** Looked for in the normalised text, and then written as the normaliser writes it. */
  readonly normalized: boolean;
}

/** A piece of a text: a token, or what is between two. */
export interface TextPart {
  /** Where it begins in the text. */
  readonly start: number;
  readonly text: string;
  /** undefined between tokens. */
  readonly id: number | undefined;
}

const SPACE = new RegExp(`^[${WHITE_SPACE}]`, 'u');

export class AddedTokenFinder {
  private readonly tokenOf = new Map<string, AddedToken>();
  /** Lengths of the tokens that begin with a code unit, longest first. */
  private readonly lengthsOf = new Map<string, readonly number[]>();

  /** @param spelling of a token in the text that is searched */
  constructor(tokens: readonly AddedToken[], spelling: (content: string) => string) {
    for (const token of tokens) {
      const text = spelling(token.content);
      // Of two that are spelt alike the first one counts.
      if (this.tokenOf.has(text)) continue;
      this.tokenOf.set(text, token);
      const lengths = this.lengthsOf.get(text[0]) ?? [];
      if (lengths.includes(text.length)) continue;
      const longestFirst = [...lengths, text.length].toSorted((a, b) => b - a);
      this.lengthsOf.set(text[0], longestFirst);
    }
  }

  /** All of `text`, in order, without empty parts. */
  split(text: string): TextPart[] {
    if (this.tokenOf.size === 0) return [{ start: 0, text, id: undefined }];
    const parts: TextPart[] = [];
    // Up to where parts are cut, and up to where tokens were found: white space behind a token is only in the former.
    let cut = 0;
    const add = (end: number, id?: number): void => {
      if (end > cut) parts.push({ start: cut, text: text.slice(cut, end), id });
      cut = end;
    };
    for (let at = 0; at < text.length;) {
      const found = this.longestAt(text, at);
      if (!found) {
        at++;
        continue;
      }
      const { token, length } = found;
      add(token.lstrip ? startOfSpace(text, cut, at) : at);
      at += length;
      add(token.rstrip ? endOfSpace(text, at) : at, token.id);
    }
    add(text.length);
    return parts;
  }

  private longestAt(text: string, at: number): { token: AddedToken; length: number } | undefined {
    for (const length of this.lengthsOf.get(text[at]) ?? []) {
      const token = this.tokenOf.get(text.slice(at, at + length));
      if (token) return { token, length };
    }
    return undefined;
  }
}

export function startsWithSpace(text: string): boolean {
  return SPACE.test(text);
}

/** Where the white space that ends at `end` begins, not before `start`. */
function startOfSpace(text: string, start: number, end: number): number {
  let at = end;
  while (at > start && SPACE.test(text[at - 1])) at--;
  return at;
}

/** Where the white space that begins at `start` ends. */
function endOfSpace(text: string, start: number): number {
  let at = start;
  while (at < text.length && SPACE.test(text[at])) at++;
  return at;
}
