/** From prompts to the choices of an answer, and from these to what is sent: at once, or chunk by chunk. */
import { randomUUID } from 'node:crypto';
import { clientLeft } from '../api-error.js';
import type { ServedModel } from '../models/served-model.js';
import type { Turn } from '../conversations/turn.js';
import type { Work } from '../scheduler/job.js';
import { AnswerText, type ReadPrompt } from './answer-text.js';
import { Choice, type Piece } from './choice.js';
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

/** A kind of completions: names, and how a piece and a whole choice are written. */
export interface Format {
  readonly idPrefix: string;
  readonly object: string;
  readonly chunkObject: string;
  chunk(piece: Piece, isFirst: boolean): object;
  choice(pieces: readonly Piece[]): object;
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
  readonly tokens: readonly number[];
  readonly receipts: readonly string[];
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
    const all = await Promise.all(this.#choices.map(async (choice) => await gathered(choice.pieces(false))));
    // Pieces of an abort have no end.
    if (all.some((pieces) => (pieces.at(-1)?.finish ?? null) === null)) throw clientLeft();
    const choices = all.map((pieces) => ({ ...this.#format.choice(pieces), mmfree: this.#proofOf(pieces) }));
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
      yield { ...head, choices: [choice], ...(includeUsage && { usage: null }), mmfree: this.#proofOf([piece]) };
    }
    if (includeUsage && last !== undefined) {
      yield { ...head, choices: [], usage: this.#usage(), mmfree: this.#proofOf([{ ...last, tokens: [] }]) };
    }
  }

  #proofOf(pieces: readonly Piece[]): Proof | undefined {
    const { turn } = this.#request;
    const proof = proofOf(pieces);
    if (proof === undefined || turn?.position === undefined) return proof;
    return { ...proof, conversation: { id: turn.id, position: turn.position } };
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

function proofOf(pieces: readonly Piece[]): Proof | undefined {
  const [first] = pieces;
  if (first === undefined) return undefined;
  const tokens = pieces.flatMap((piece) => piece.tokens);
  return {
    seed: String(first.choice.seed),
    index: tokens[0]?.index ?? first.choice.told,
    tokens: tokens.map(({ id }) => id),
    receipts: tokens.map(({ receipt }) => hexOfWord(receipt)),
    machine: tokens.at(-1)?.machine ?? first.choice.job.machine,
  };
}

async function gathered<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
