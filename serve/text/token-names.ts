/** Tokens as text of their own, for lists of log-probabilities, where each must have another name. */
import type { Tokenizer } from '../../model/text/tokenizer.js';

const REPLACEMENT = '\uFFFD';

/** Each token is looked up once. */
export class TokenNames {
  readonly #tokenizer: Tokenizer | undefined;
  readonly #texts = new Map<number, string>();

  constructor(tokenizer: Tokenizer | undefined) {
    this.#tokenizer = tokenizer;
  }

  /** Its text inside a text, or `token_id:ID` where it has none of its own: special tokens, and parts of characters. */
  nameOf(id: number): string {
    const text = this.textOf(id);
    return text === '' || text.includes(REPLACEMENT) ? `token_id:${id}` : text;
  }

  /** May be empty, or hold U+FFFD. */
  textOf(id: number): string {
    const known = this.#texts.get(id);
    if (known !== undefined) return known;
    const text = this.#made(id);
    this.#texts.set(id, text);
    return text;
  }

  #made(id: number): string {
    if (this.#tokenizer === undefined) return '';
    const stream = this.#tokenizer.textStream();
    const before = stream.resume();
    return before + stream.push(id) + stream.flush();
  }
}
