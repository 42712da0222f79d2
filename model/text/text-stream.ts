/**
 * Token ids → text, as the tokens come.
 *
 * A character of several bytes may be spread over several tokens; it is held back until it is complete. The work for a
 * token does not grow with the text before it. Put together, the pieces are what the published decoders make of the
 * whole sequence with special tokens skipped, but for the number of U+FFFD that stand for invalid UTF-8 and for U+FEFF,
 * which is kept.
 */

/** How the text of each token is put together. */
export interface TokenTexts {
  /** V. */
  readonly vocabSize: number;
  /**
   * What a token below V stands for: bytes of UTF-8, or text, which ends a run of bytes. Tokens that print nothing
   * (special ones and ids without a token) are empty text. Made when it is asked for: most texts use few tokens.
   */
  readonly pieceOf: (id: number) => string | Uint8Array;
  /** Whether the first token loses one leading space (decoder `Metaspace`). */
  readonly trimFirstToken: boolean;
  /** Leading `character`s that the whole text loses, at most `count` (decoder `Strip`). */
  readonly strip: { readonly character: string; readonly count: number };
}

/** One text in the making. Push a prompt first and ignore its text to continue the prompt without a lost space. */
export class TextStream {
  private readonly texts: TokenTexts;
  private readonly utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
  private inBytes = false;
  private atFirstToken = true;
  private stripLeft: number;

  constructor(texts: TokenTexts) {
    this.texts = texts;
    this.stripLeft = texts.strip.count;
  }

  /**
   * The text that is complete now, often empty.
   *
   * @throws RangeError when `id` is not in the vocabulary
   */
  push(id: number): string {
    const { vocabSize } = this.texts;
    if (!(Number.isInteger(id) && id >= 0 && id < vocabSize)) {
      throw new RangeError(`token id ${id} is not below ${vocabSize}`);
    }
    const piece = this.texts.pieceOf(id);
    if (piece.length === 0) return '';
    const isFirst = this.atFirstToken;
    this.atFirstToken = false;
    if (typeof piece !== 'string') {
      this.inBytes = true;
      return this.strip(this.utf8.decode(piece, { stream: true }));
    }
    const trims = isFirst && this.texts.trimFirstToken && piece.startsWith(' ');
    return this.strip(this.endBytes() + (trims ? piece.slice(1) : piece));
  }

  /** What was held back: U+FFFD for a character that never became complete. A push after it starts a new run of bytes. */
  flush(): string {
    return this.strip(this.endBytes());
  }

  private endBytes(): string {
    if (!this.inBytes) return '';
    this.inBytes = false;
    return this.utf8.decode();
  }

  private strip(text: string): string {
    if (this.stripLeft === 0 || text === '') return text;
    let start = 0;
    while (start < this.stripLeft && text[start] === this.texts.strip.character) start++;
    this.stripLeft = start === text.length ? this.stripLeft - start : 0;
    return text.slice(start);
  }
}
