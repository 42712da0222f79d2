/** All tokens of a text that goes on, for those who want to check its state. */
import { MAX_STATE_TOKENS, type SavedState } from './state-file.js';

/**
 * The tokens that lead to a state.
 *
 * @param before with what the text went on; undefined if it began
 * @param tokens what was given and chosen since then
 * @param position tokens fed in all
 * @returns all of them; undefined where an earlier run did not tell its own, or for more than a file lists
 */
export function tokensFed(
  before: SavedState | undefined,
  tokens: readonly number[],
  position: number,
): Uint32Array | undefined {
  if (position > MAX_STATE_TOKENS) return undefined;
  const { state, tokens: known = new Uint32Array(0) } = before ?? {};
  if (known.length !== (state?.position ?? 0)) return undefined;
  const since = state?.chosen === undefined ? tokens : [state.chosen, ...tokens];
  const all = new Uint32Array(known.length + since.length);
  all.set(known);
  all.set(since, known.length);
  return all.slice(0, position);
}
