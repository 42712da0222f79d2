/**
 * Token ids → text, as the tokens come.
 *
 * Put together, the pieces are what the Rust library `tokenizers` makes of the whole sequence with special tokens
 * skipped. Text that later tokens could change is held back, so nothing is ever taken back. The work for a token does
 * not grow with the text before it.
 */

import type { HeldText } from '../../protocol/state/state-file.js';
import type { ByteRun } from './byte-run.js';

/** How the text of each token is put together. */
export interface TokenTexts {
  /** V. */
  readonly vocabSize: number;
  /**
   * What a token below V stands for: bytes, or text, which ends a run of bytes; undefined for tokens that print nothing
   * (special ones and ids without a token), between which a run of bytes goes on. Made when it is asked for: most texts
   * use few tokens.
   *
   * @param isFirst whether nothing but tokens that print nothing was before it
   */
  readonly pieceOf: (id: number, isFirst: boolean) => string | Uint8Array | undefined;
  /** For the bytes of one text. */
  readonly byteRun: () => ByteRun;
  /** Leading `character`s that the whole text loses, at most `count` (decoder `Strip`). */
  readonly strip: { readonly character: string; readonly count: number };
}

/**
 * What a stream needs to go on with the text of another one: what is held back behind it, such as for stop strings, is
 * not its own.
 */
export type HeldStream = Omit<HeldText, 'text'>;

/** Of a text of which nobody says what is held back. */
const BEGUN: HeldStream = { hasBegun: true, stripLeft: 0, run: new Uint8Array(0), isRunBroken: false };

/** One text in the making. Push a prompt first and ignore its text to continue the prompt without a lost space. */
export class TextStream {
  private readonly texts: TokenTexts;
  private readonly bytes: ByteRun;
  private isFirst = true;
  private stripLeft: number;

  constructor(texts: TokenTexts) {
    this.texts = texts;
    this.bytes = texts.byteRun();
    this.stripLeft = texts.strip.count;
  }

  /**
   * The text that is certain now, often empty.
   *
   * @param id the next token
   * @throws RangeError when `id` is not in the vocabulary
   */
  push(id: number): string {
    const { vocabSize } = this.texts;
    if (!(Number.isInteger(id) && id >= 0 && id < vocabSize)) {
      throw new RangeError(`token id ${id} is not below ${vocabSize}`);
    }
    const piece = this.texts.pieceOf(id, this.isFirst);
    if (piece === undefined) return '';
    this.isFirst = false;
    return this.strip(typeof piece === 'string' ? this.bytes.end() + piece : this.bytes.push(piece));
  }

  /**
   * What was held back: U+FFFD for a character that never became complete. A push after it starts a new run of bytes.
   */
  flush(): string {
    return this.strip(this.bytes.end());
  }

  /** What a state of the text holds of this stream. */
  held(): HeldStream {
    const { bytes, isBroken } = this.bytes.held();
    return { hasBegun: !this.isFirst, stripLeft: this.stripLeft, run: bytes, isRunBroken: isBroken };
  }

  /**
   * Goes on with the text of another stream, before the first token.
   *
   * @param held what that stream held; nothing of a text that has begun, unless given
   * @returns the text that is certain now: none if a stream did hold it back
   */
  resume(held: HeldStream = BEGUN): string {
    const { hasBegun, stripLeft, run, isRunBroken } = held;
    this.isFirst = !hasBegun;
    this.stripLeft = stripLeft;
    return this.strip(this.bytes.resume({ bytes: run, isBroken: isRunBroken }));
  }

  private strip(text: string): string {
    if (this.stripLeft === 0 || text === '') return text;
    let start = 0;
    while (start < this.stripLeft && text[start] === this.texts.strip.character) start++;
    this.stripLeft = start === text.length ? this.stripLeft - start : 0;
    return text.slice(start);
  }
}
