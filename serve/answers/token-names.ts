/** Tokens as text of their own, for lists of log-probabilities, where each must have another name. */
import type { Tokenizer } from '../../model/text/tokenizer.js';

const REPLACEMENT = '\uFFFD';

/** Its text inside a text, or `token_id:ID` where it has none of its own: special tokens, and parts of characters. */
export function tokenName(tokenizer: Tokenizer | undefined, id: number): string {
  const text = tokenText(tokenizer, id);
  return text === '' || text.includes(REPLACEMENT) ? `token_id:${id}` : text;
}

/** May be empty, or hold U+FFFD. */
export function tokenText(tokenizer: Tokenizer | undefined, id: number): string {
  if (tokenizer === undefined) return '';
  const stream = tokenizer.textStream();
  const before = stream.resume();
  return before + stream.push(id) + stream.flush();
}
