/**
 * /v1/chat/completions: a conversation becomes one prompt, by the model's template, and the answer is what comes behind
 * it.
 */
import { noTokenizer } from '../api-error.js';
import type { ServedModel } from '../models/served-model.js';
import type { Score } from '../scheduler/score.js';
import type { ChatMessage } from '../text/chat-template.js';
import { chatTokens } from '../text/chat-tokens.js';
import type { Reading } from '../text/texts.js';
import type { Prompt } from './answer-text.js';
import type { Piece } from './choice.js';
import type { Format } from './exchange.js';
import { LateList } from './json-parts.js';

/** A message as requests have it. */
interface AskedMessage {
  readonly role: string;
  readonly content: string | readonly { readonly text: string }[];
}

/** @throws ApiError `no_tokenizer`; TextProblem */
export async function chatPrompt(
  model: ServedModel,
  asked: readonly AskedMessage[],
  reading: Reading,
  before?: Prompt['before'],
): Promise<Prompt> {
  if (model.texts === undefined) throw noTokenizer(model.id, 'it takes no messages', 'messages');
  const messages = asked.map(({ role, content }): ChatMessage => {
    const text = typeof content === 'string' ? content : content.map((part) => part.text).join('');
    // What OpenAI calls its newer system messages, templates do not know.
    return { role: role === 'developer' ? 'system' : role, content: text };
  });
  const tokens = await chatTokens(model.texts, model.shape, messages, before?.lastIds, reading);
  return { ...tokens, ...(before && { before }) };
}

/** How answers of a conversation are written. @param hasScores whether there are log-probabilities */
export function chatFormat({ names }: Pick<ServedModel, 'names'>, hasScores: boolean): Format {
  const encoder = new TextEncoder();

  const entry = (id: number, logprob: number): object => ({
    token: names.nameOf(id),
    logprob,
    bytes: [...encoder.encode(names.textOf(id))],
  });

  const entryOf = ({ id, logprob, top }: Score): object => ({
    ...entry(id, logprob),
    top_logprobs: top.map((one) => entry(one.id, one.logprob)),
  });

  const logprobsOf = ({ choice, tokens }: Piece): object | null => {
    if (!hasScores) return null;
    const content = new LateList(function* () {
      for (const token of tokens) {
        const score = choice.job.scoreOf(token);
        if (score !== undefined) yield entryOf(score);
      }
    });
    return { content, refusal: null };
  };

  const rest = (piece: Piece): object => ({
    index: piece.choice.number,
    logprobs: logprobsOf(piece),
    finish_reason: piece.finish,
  });

  return {
    idPrefix: 'chatcmpl',
    object: 'chat.completion',
    chunkObject: 'chat.completion.chunk',
    chunk: (piece, isFirst) => ({
      ...rest(piece),
      delta: { ...(isFirst && { role: 'assistant' }), content: piece.text },
    }),
    choice: (piece) => ({ ...rest(piece), message: { role: 'assistant', content: piece.text, refusal: null } }),
  };
}
