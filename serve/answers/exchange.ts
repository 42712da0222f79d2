/** From prompts to the choices of an answer, and from these to what is sent: at once, or chunk by chunk. */
import { randomUUID } from 'node:crypto';
import { clientLeft } from '../api-error.js';
import type { ServedModel } from '../models/served-model.js';
import type { Turn } from '../conversations/turn.js';
import type { Work } from '../scheduler/job.js';
import { AnswerText, type ReadPrompt } from './answer-text.js';
import { Choice, type Piece } from './choice.js';
import { LateList } from './json-parts.js';
import { merged } from './merged.js';
import type { Observer } from './observer.js';
import { choiceSeed, type GenerationSettings } from './settings.js';
import { hexOfWord } from '../../protocol/hex.js';

/** Who asks, and what ends it. */
export interface Caller {
  readonly owner: string;
  readonly priority: number;
  readonly signal: AbortSignal;
  readonly observer: Observer;
}

/** A kind of completions: names, and how a piece and a whole choice are written, for `json-parts.ts`. */
export interface Format {
  readonly idPrefix: string;
  readonly object: string;
  readonly chunkObject: string;
  chunk(piece: Piece, isFirst: boolean): object;
  choice(whole: Piece): object;
}

export interface ExchangeRequest {
  readonly prompts: readonly ReadPrompt[];
  readonly settings: GenerationSettings;
  readonly echo: boolean;
  readonly top: number | undefined;
  /** The conversation that it belongs to. */
  readonly turn?: Turn | undefined;
}

/** What carries receipts: who wants to can compute again whether it was this model that said so. */
interface Proof {
  /** As text: programs may keep numbers in 53 bits. */
  readonly seed: string;
  /** Of the first of the tokens. */
  readonly index: number;
  readonly tokens: Iterable<number>;
  readonly receipts: Iterable<string>;
  readonly machine: string;
  /** In the last one: the conversation, and how many tokens it has. */
  readonly conversation?: { readonly id: string; readonly position: number };
}

export class Exchange {
  readonly #format: Format;
  readonly #request: ExchangeRequest;
  readonly #choices: readonly Choice[];
  readonly #head: object;

  /** Everything waits for its place then. @throws ApiError */
  constructor(model: ServedModel, format: Format, request: ExchangeRequest, caller: Caller) {
    this.#format = format;
    this.#request = request;
    this.#choices = submitted(model, request, caller);
    this.#head = {
      id: `${format.idPrefix}-${randomUUID()}`,
      created: Math.floor(Date.now() / 1000),
      model: model.id,
      system_fingerprint: model.fingerprint,
    };
  }

  /** The answer as a whole. @throws what a job failed with */
  async answer(): Promise<object> {
    const all = await Promise.all(this.#choices.map(async (choice) => await whole(choice)));
    const choices = all.map((piece) => ({ ...this.#format.choice(piece), mmfree: this.#proofOf(piece) }));
    return {
      ...this.#head,
      object: this.#format.object,
      choices,
      usage: this.#usage(),
      mmfree: choices[0]?.mmfree,
    };
  }

  /** Chunks of a stream. @throws what a job failed with */
  async *chunks(includeUsage: boolean): AsyncGenerator<object, void> {
    const head = { ...this.#head, object: this.#format.chunkObject };
    const begun = new Set<Choice>();
    let last: Piece | undefined;
    for await (const piece of merged(this.#choices.map((choice) => choice.pieces(true)))) {
      const choice = this.#format.chunk(piece, !begun.has(piece.choice));
      begun.add(piece.choice);
      last = piece;
      yield { ...head, choices: [choice], ...(includeUsage && { usage: null }), mmfree: this.#proofOf(piece) };
    }
    if (includeUsage && last !== undefined) {
      yield { ...head, choices: [], usage: this.#usage(), mmfree: this.#proofOf({ ...last, tokens: [] }) };
    }
  }

  #proofOf({ choice, tokens }: Piece): Proof {
    const { turn } = this.#request;
    return {
      seed: String(choice.seed),
      index: tokens[0]?.index ?? choice.told,
      tokens: LateList.of(tokens, ({ id }) => id),
      receipts: LateList.of(tokens, ({ receipt }) => hexOfWord(receipt)),
      machine: tokens.at(-1)?.machine ?? choice.job.machine,
      ...(turn?.position !== undefined && { conversation: { id: turn.id, position: turn.position } }),
    };
  }

  /**
   * Of all prompts. Tokens that the service put in front are not counted; others once, however many choices go on
   * behind them.
   */
  get promptTokens(): number {
    return this.#counted(({ ids }) => ids.length);
  }

  #counted(tokens: (prompt: ReadPrompt, number: number) => number): number {
    const { prompts } = this.#request;
    return prompts.reduce((sum, prompt, number) => {
      return sum + Math.max(0, tokens(prompt, number) - (prompt.isBegun ? 1 : 0));
    }, 0);
  }

  #usage(): object {
    const { promptTokens } = this;
    const { choices } = this.#request.settings;
    const cachedTokens = this.#counted((_, number) => this.#choices[number * choices]!.job.found);
    const completionTokens = this.#choices.reduce((sum, { told }) => sum + told, 0);
    return {
      prompt_tokens: promptTokens,
      completion_tokens: completionTokens,
      total_tokens: promptTokens + completionTokens,
      prompt_tokens_details: { cached_tokens: cachedTokens },
    };
  }
}

function submitted(model: ServedModel, request: ExchangeRequest, caller: Caller): Choice[] {
  const { prompts, settings, echo, top, turn } = request;
  const planned = prompts.flatMap((prompt) =>
    Array.from({ length: settings.choices }, (_, choice) => {
      return { prompt, choice, text: new AnswerText(model, prompt, settings.stops), end: new AbortController() };
    }),
  );
  const works = planned.map(({ prompt, choice, text, end }): Work => {
    return {
      prompt: prompt.ids,
      maxTokens: settings.maxTokens,
      text,
      start: turn?.saved.state,
      keepsState: turn !== undefined,
      sampler: settings.sampler(choice),
      top,
      scoresPrompt: echo && top !== undefined,
      owner: caller.owner,
      priority: caller.priority,
      signal: AbortSignal.any([caller.signal, end.signal]),
    };
  });
  const jobs = model.scheduler.submit(works);
  return jobs.map((job, number) => {
    const { prompt, choice, text, end } = planned[number]!;
    const seed = choiceSeed(settings.seed, choice);
    const { observer } = caller;
    const keep = turn && turn.keep.bind(turn);
    return new Choice(model, job, { number, seed, prompt, text, echo, observer, stop: () => end.abort(), keep });
  });
}

/** All pieces of a choice as one. @throws what its job failed with; ApiError `client_left` */
async function whole(choice: Choice): Promise<Piece> {
  const texts: string[] = [];
  let prompt: Piece['prompt'];
  let finish: Piece['finish'] = null;
  for await (const piece of choice.pieces(false)) {
    texts.push(piece.text);
    prompt ??= piece.prompt;
    finish = piece.finish;
  }
  // Pieces of an abort have no end.
  if (finish === null) throw clientLeft();
  return { choice, text: texts.join(''), tokens: choice.job.given, finish, ...(prompt && { prompt }) };
}
