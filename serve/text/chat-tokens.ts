/** Messages as the tokens that are fed. */
import type { ModelShape } from '../../protocol/image/model-shape.js';
import type { ChatMessage } from './chat-template.js';
import type { Reading, Texts } from './texts.js';

export interface ChatTokens {
  readonly ids: readonly number[];
  /** Whether the first of them is the token that begins texts, put there because the template does not. */
  readonly isBegun: boolean;
}

/** @param before the last tokens of the text that they come behind, if they do @throws TextProblem */
export async function chatTokens(
  texts: Texts,
  { bosTokenId }: Pick<ModelShape, 'bosTokenId'>,
  messages: readonly ChatMessage[],
  before?: readonly number[],
  reading?: Reading,
): Promise<ChatTokens> {
  const ids = await texts.render(messages, before, reading);
  // A text that goes on has it already.
  if (before !== undefined) return { ids: ids[0] === bosTokenId ? ids.slice(1) : ids, isBegun: false };
  return ids[0] === bosTokenId ? { ids, isBegun: false } : { ids: [bosTokenId, ...ids], isBegun: true };
}
