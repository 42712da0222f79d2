/** A text whose machine is lost for good: as it was at the latest state that this computer has of it. */
import { TextSession, type TextRequest } from '../../../engine/text-session.js';
import type { GeneratedToken, Machine, Sequence } from '../../../model/machine/machine.js';
import type { Tokenizer } from '../../../model/text/tokenizer.js';
import type { SequenceState } from '../../../protocol/state/sequence-state.js';
import type { SavedState } from '../../../protocol/state/state-file.js';

/** What was told until then. */
export interface ToldText {
  readonly machine: Machine;
  readonly sequence: Sequence;
  readonly tokenizer: Tokenizer | undefined;
  /** Where it went on. */
  readonly saved: SavedState | undefined;
  readonly request: TextRequest;
  readonly tokens: readonly GeneratedToken[];
}

/** @returns undefined if there is no state behind the prompt: in the middle of a prompt no text goes on by itself */
export async function rescuedText(told: ToldText): Promise<SavedState | undefined> {
  const { machine, sequence, tokenizer, saved, request, tokens } = told;
  const copy = sequence.lastCopy?.();
  if (copy === undefined) return undefined;
  const { position = 0, chosen } = saved?.state ?? {};
  const promptEnd = position + (chosen === undefined ? 0 : 1) + request.prompt.length;
  // The first one was chosen behind the prompt; the last of them is not fed.
  const before = tokens.slice(0, copy.position < promptEnd ? 0 : copy.position - promptEnd + 1);
  const last = before.at(-1);
  if (last === undefined) return undefined;
  const state = { ...copy, lastReceipt: last.receipt, chosen: last.id, nextDraw: last.index + 1 };
  // What was held back there comes of the same tokens again.
  const open = (): Promise<Sequence> => Promise.resolve(sequenceIn(state));
  const again = await TextSession.open({ ...machine, open }, tokenizer, saved);
  const source = (): AsyncIterable<GeneratedToken> => given(before);
  for await (const _ of again.generate({ ...request, maxTokens: before.length, source }));
  return await again.save();
}

/** A sequence that is in a state, and computes nothing. */
function sequenceIn(state: SequenceState): Sequence {
  const computing = (): never => {
    throw new Error('what was told is not computed again');
  };
  const nothing = (): Promise<void> => Promise.resolve();
  const { position } = state;
  const save = (): Promise<SequenceState> => Promise.resolve(state);
  return { position, save, restore: nothing, reset: nothing, close: nothing, feed: computing, generate: computing };
}

async function* given(tokens: readonly GeneratedToken[]): AsyncGenerator<GeneratedToken> {
  yield* tokens;
}
