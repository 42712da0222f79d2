/** /v1/completions: prompts of four shapes, and the lists of log-probabilities that evaluations read. */
import { noTokenizer } from '../api-error.js';
import type { ServedModel } from '../models/served-model.js';
import type { Score } from '../scheduler/score.js';
import type { CompletionRequest } from '../schemas.js';
import type { Reading } from '../text/texts.js';
import type { Prompt } from './answer-text.js';
import type { Piece } from './choice.js';
import type { Format } from './exchange.js';
import { LateList } from './json-parts.js';

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
  const ids = await model.texts.encode(text, reading, before !== undefined);
  if (before !== undefined) return { ids: [...ids], isBegun: false, before };
  return { ids: [model.shape.bosTokenId, ...ids], isBegun: true };
}

/** Lists beside each other, one entry a token. */
interface Logprobs {
  readonly tokens: Iterable<string>;
  /** Null for a first token that nothing is in front of. */
  readonly token_logprobs: Iterable<number | null>;
  readonly top_logprobs: Iterable<Readonly<Record<string, number>> | null>;
  /** Where its text begins in that of the choice, in UTF-16 units. */
  readonly text_offset: Iterable<number>;
}

/** How completions of a model are written. @param hasScores whether there are log-probabilities */
export function completionFormat({ names }: Pick<ServedModel, 'names'>, hasScores: boolean): Format {
  /** Of the text of each choice that is written, for streams. */
  const offsets = new Map<Piece['choice'], number>();

  /** The likeliest tokens, and the one that came. */
  const topOf = ({ id, logprob, top }: Score): Record<string, number> => {
    const found = new Map<string, number>();
    // Of tokens with one text, the likeliest counts.
    for (const one of [...top, { id, logprob }]) {
      const name = names.nameOf(one.id);
      if (!found.has(name)) found.set(name, one.logprob);
    }
    return Object.fromEntries(found);
  };

  const logprobsOf = (piece: Piece): Logprobs => {
    const told = new LateList(() => toldOf(piece));
    return {
      tokens: LateList.of(told, ({ id }) => names.nameOf(id)),
      token_logprobs: LateList.of(told, ({ score }) => score?.logprob ?? null),
      top_logprobs: LateList.of(told, ({ score }) => (score === undefined ? null : topOf(score))),
      text_offset: new LateList(function* () {
        let offset = offsets.get(piece.choice) ?? 0;
        for (const { id } of told) {
          yield offset;
          offset += names.textOf(id).length;
        }
        offsets.set(piece.choice, offset);
      }),
    };
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
    choice: choiceOf,
  };
}

interface Told {
  readonly id: number;
  readonly score?: Score | undefined;
}

/** The tokens of a piece, those of the prompt first where it is told again. */
function* toldOf({ choice, prompt, tokens }: Piece): Generator<Told, void> {
  for (const [index, id] of (prompt?.tokens ?? []).entries()) yield { id, score: prompt?.scoreAt(index) };
  for (const token of tokens) yield { id: token.id, score: choice.job.scoreOf(token) };
}
