/**
 * Which tokens end a text: one, or several. docs/IMAGE.md, section 3.
 *
 * Whatever generates asks {@link isEnd}; only boot record and HELLO have room for one token and no more.
 */

import type { ModelShape } from './model-shape.js';

/** Most tokens that end a text. */
export const MAX_END_TOKENS = 16;

/** The part of a shape that says so. */
export type EndTokens = Pick<ModelShape, 'eosTokenId' | 'eosTokenIds'>;

/** Whether a text ends with `token`. */
export function isEnd({ eosTokenId, eosTokenIds }: EndTokens, token: number): boolean {
  return token === eosTokenId || eosTokenIds?.includes(token) === true;
}

/** All tokens that end a text, ascending. */
export function endTokens({ eosTokenId, eosTokenIds }: EndTokens): readonly number[] {
  return eosTokenIds ?? [eosTokenId];
}

/**
 * What a shape says of tokens that end a text, of which `tokens` names the first one first.
 *
 * @param tokens one or more, none twice
 */
export function endTokensOf(tokens: readonly number[]): EndTokens {
  const [eosTokenId = 0] = tokens;
  return tokens.length === 1 ? { eosTokenId } : { eosTokenId, eosTokenIds: tokens.toSorted((a, b) => a - b) };
}
