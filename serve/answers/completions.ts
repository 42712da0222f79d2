/** /v1/completions: prompts of four shapes, and the lists of log-probabilities that evaluations read. */
import { noTokenizer } from '../api-error.js';
import type { ServedModel } from '../models/served-model.js';
import type { Score } from '../scheduler/score.js';
import type { CompletionRequest } from '../schemas.js';
import type { Reading } from '../text/texts.js';
import type { Prompt } from './answer-text.js';
import type { Piece } from './choice.js';
import type { Format } from './exchange.js';
import { tokenName, tokenText } from './token-names.js';

/**
 * Text begins with the token that begins texts, unless it goes on with one; token ids are used as they are.
 *
 * @throws ApiError `no_tokenizer`; TextProblem
 */
export async function promptsOf(
  model: ServedModel,
  prompt: CompletionRequest['prompt'],
  reading: Reading,
  before?: Prompt['before'],
): Promise<Prompt[]> {
  const items = typeof prompt === 'string' ? [prompt] : isIds(prompt) ? [prompt] : prompt;
  return await Promise.all(
    items.map(async (item) => {
      return typeof item === 'string'
        ? await textPrompt(model, item, reading, before)
        : { ids: item, isBegun: false, before };
    }),
  );
}

function isIds(prompt: readonly (number | string | readonly number[])[]): prompt is readonly number[] {
  return typeof prompt[0] === 'number';
}

async function textPrompt(
  model: ServedModel,
  text: string,
  reading: Reading,
  before: Prompt['before'],
): Promise<Prompt> {
  if (before !== undefined && text === '') return { ids: [], isBegun: false, before };
  if (model.texts === undefined) throw noTokenizer(model.id, 'it reads no text', 'prompt');
  if (before !== undefined) return { ids: await model.texts.encode(text, reading, true), isBegun: false, before };
  return { ids: [model.shape.bosTokenId, ...(await model.texts.encode(text, reading))], isBegun: true };
}

/** Lists beside each other, one entry a token. */
interface Logprobs {
  tokens: string[];
  /** Null for a first token that nothing is in front of. */
  token_logprobs: (number | null)[];
  top_logprobs: (Record<string, number> | null)[];
  /** Where its text begins in that of the choice, in UTF-16 units. */
  text_offset: number[];
}

/** How completions of a model are written. @param hasScores whether there are log-probabilities */
export function completionFormat(model: ServedModel, hasScores: boolean): Format {
  const { tokenizer } = model;
  /** Of the text of each choice that is in chunks, for streams. */
  const offsets = new Map<Piece['choice'], number>();

  const add = (lists: Logprobs, id: number, score: Score | undefined, offset: number): number => {
    lists.tokens.push(tokenName(tokenizer, id));
    lists.token_logprobs.push(score?.logprob ?? null);
    lists.top_logprobs.push(score === undefined ? null : topOf(score));
    lists.text_offset.push(offset);
    return offset + tokenText(tokenizer, id).length;
  };

  /** The likeliest tokens, and the one that came. */
  const topOf = ({ id, logprob, top }: Score): Record<string, number> => {
    const entries = [...top, { id, logprob }].map((one) => [tokenName(tokenizer, one.id), one.logprob] as const);
    // Of tokens with one text, the likeliest counts.
    return Object.fromEntries(entries.toReversed().toSorted(([, a], [, b]) => a - b));
  };

  const logprobsOf = ({ choice, prompt, tokens }: Piece): Logprobs => {
    const lists: Logprobs = { tokens: [], token_logprobs: [], top_logprobs: [], text_offset: [] };
    let offset = offsets.get(choice) ?? 0;
    for (const [index, id] of (prompt?.tokens ?? []).entries()) {
      offset = add(lists, id, prompt?.scores[index], offset);
    }
    for (const { id, score } of tokens) offset = add(lists, id, score, offset);
    offsets.set(choice, offset);
    return lists;
  };

  const choiceOf = (piece: Piece): object => ({
    index: piece.choice.number,
    text: (piece.prompt?.text ?? '') + piece.text,
    logprobs: hasScores ? logprobsOf(piece) : null,
    finish_reason: piece.finish,
  });

  return {
    idPrefix: 'cmpl',
    object: 'text_completion',
    chunkObject: 'text_completion',
    chunk: choiceOf,
    choice: (pieces) => choiceOf(joined(pieces)),
  };
}

/** All pieces of a choice as one. */
export function joined(pieces: readonly Piece[]): Piece {
  const [first] = pieces;
  const last = pieces.at(-1);
  if (first === undefined || last === undefined) throw new TypeError('a choice has at least one piece');
  return {
    ...first,
    text: pieces.map(({ text }) => text).join(''),
    tokens: pieces.flatMap(({ tokens }) => tokens),
    finish: last.finish,
  };
}
