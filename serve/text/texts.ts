/**
 * The texts of a model: threads with its tokenizer, so that 100 kB of text do not hold up others, and so that a
 * template of somebody else cannot hang the service. Long texts have a thread of their own, so that short ones never
 * wait for them.
 */
import type { HeldText } from '../../protocol/state/state-file.js';
import { tooManyTokens } from '../api-error.js';
import { AskedThread, ThreadProblem } from '../threads/asked-thread.js';
import type { ChatMessage } from './chat-template.js';
import { TextProblem } from './text-problem.js';
import type { TextAnswer, TextJob, TextRequest, ToldPrompt } from './text-messages.js';

const THREAD = 'dist/serve/text/text-thread.js';
const MEMORY_MB = 512;

/** For 4 MiB of text the tokenizer takes some seconds. */
const LIMIT_MS = 30_000;
const RENDER_LIMIT_MS = 3_000;

/** For so much a tokenizer takes some 20 ms. Characters, and tokens, of which each is about four. */
const SHORT_CHARACTERS = 16_384;
const SHORT_TOKENS = 4_096;

/** For whom a text is read. */
export interface Reading {
  /** Owners take turns. */
  readonly owner?: string;
  /** Tokens that it may have. */
  readonly most?: number;
}

export class Texts {
  readonly #short: AskedThread<TextRequest, TextAnswer>;
  readonly #long: AskedThread<TextRequest, TextAnswer>;

  constructor(job: TextJob) {
    const options = { file: THREAD, data: job, memoryMb: MEMORY_MB };
    this.#short = new AskedThread(options);
    this.#long = new AskedThread(options);
  }

  /** @param goesOn whether a text is before it @throws TextProblem; ApiError `too_many_tokens` */
  async encode(text: string, { owner, most = Infinity }: Reading = {}, goesOn = false): Promise<Uint32Array> {
    const isLong = text.length > SHORT_CHARACTERS;
    const { ids, count } = await this.#ask({ do: 'encode', text, goesOn, most }, isLong, LIMIT_MS, owner);
    if (ids === undefined) throw tooManyTokens('prompt', `the prompt has ${count} tokens`, most);
    return ids;
  }

  /** @param ids below V @throws TextProblem */
  async decode(ids: ArrayLike<number>, { owner }: Reading = {}): Promise<string> {
    const request: TextRequest = { do: 'decode', ids };
    const { text = '' } = await this.#ask(request, ids.length > SHORT_TOKENS, LIMIT_MS, owner);
    return text;
  }

  /**
   * What a prompt says, and how the text behind it goes on.
   *
   * @param ids below V
   * @param before of the text that it goes on with, if it does
   * @throws TextProblem
   */
  async tell(
    ids: readonly number[],
    before: { readonly held: HeldText | undefined } | undefined,
    { owner }: Reading = {},
  ): Promise<ToldPrompt> {
    const request: TextRequest = { do: 'tell', ids, before: before && { held: before.held } };
    const { told } = await this.#ask(request, ids.length > SHORT_TOKENS, LIMIT_MS, owner);
    return told!;
  }

  /**
   * A conversation as the model was taught to read it, as tokens.
   *
   * @param before the last tokens of the text that it goes on with, if it does
   * @throws TextProblem; ApiError `too_many_tokens`
   */
  async render(messages: readonly ChatMessage[], before?: readonly number[], reading: Reading = {}): Promise<number[]> {
    const isLong = messages.reduce((sum, { content }) => sum + content.length, 0) > SHORT_CHARACTERS;
    const request: TextRequest = { do: 'render', messages, before };
    const { text = '' } = await this.#ask(request, isLong, RENDER_LIMIT_MS, reading.owner);
    return [...(await this.encode(text, reading, before !== undefined))];
  }

  /** Behind what was asked of it. */
  async close(): Promise<void> {
    await Promise.all([this.#short.close(), this.#long.close()]);
  }

  async #ask(request: TextRequest, isLong: boolean, limitMs: number, owner = ''): Promise<TextAnswer> {
    const thread = isLong ? this.#long : this.#short;
    const answer = await thread.ask(request, { limitMs, owner }).catch((error: unknown) => {
      throw error instanceof ThreadProblem ? new TextProblem(error.message) : error;
    });
    if (answer.error !== undefined) throw new TextProblem(answer.error);
    return answer;
  }
}
