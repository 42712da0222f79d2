/** The text of an answer as its tokens come: what they say, up to a stop string. */
import { StopMatcher } from '../../model/text/stop-matcher.js';
import type { TextStream } from '../../model/text/text-stream.js';
import type { Tokenizer } from '../../model/text/tokenizer.js';
import { isEnd } from '../../protocol/image/end-tokens.js';
import type { HeldText } from '../../protocol/state/state-file.js';
import type { ServedModel } from '../models/served-model.js';

/** What an answer goes on behind. */
export interface Prompt {
  /** All that is fed. */
  readonly ids: readonly number[];
  /** Whether the first of them is the token that begins texts, put there by the service. */
  readonly isBegun: boolean;
  /** The text that it goes on with, if it does. */
  readonly before?: Before | undefined;
}

/** A text that another one goes on with, as far as it is known. */
export interface Before {
  /** What of it is not told yet. */
  readonly held: HeldText | undefined;
  /** Its last tokens. */
  readonly lastIds: readonly number[];
}

export class AnswerText {
  /** That of the prompt. */
  readonly prompt: string;
  readonly #model: Pick<ServedModel, 'shape'>;
  readonly #stream: TextStream | undefined;
  readonly #stopper: StopMatcher;
  /** Certain, and not told. */
  #text: string;
  #isEnded = false;

  constructor(
    model: Pick<ServedModel, 'shape'> & { readonly tokenizer: Tokenizer | undefined },
    { ids, before }: Prompt,
    stops: readonly string[],
  ) {
    this.#model = model;
    this.#stream = model.tokenizer?.textStream();
    this.#stopper = new StopMatcher(stops);
    const held = before?.held;
    const rest = before === undefined ? '' : (this.#stream?.resume(held) ?? '');
    const opening = held === undefined ? rest : new TextDecoder().decode(held.text) + rest;
    this.prompt = ids.map((id) => this.#stream?.push(id) ?? '').join('');
    // Behind a prompt, it belongs to the text before.
    this.#text = ids.length > 0 ? '' : this.#stopper.push(opening);
  }

  /** Whether a stop string or an end token was met. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** @returns whether it ends the text */
  push(id: number): boolean {
    const added = this.#stream?.push(id) ?? '';
    const isLast = isEnd(this.#model.shape, id);
    if (!isLast) this.#text += this.#stopper.push(added);
    this.#isEnded ||= isLast || this.#stopper.stopped;
    return this.#isEnded;
  }

  /** What is certain since the last call. */
  take(): string {
    const text = this.#text;
    this.#text = '';
    return text;
  }

  /** What is not certain becomes text: nothing follows. */
  end(): void {
    if (!this.#stopper.stopped) this.#text += this.#stopper.push(this.#stream?.flush() ?? '') + this.#stopper.flush();
  }

  /** For who goes on, before {@link end}: parts of a character are told at the end of an answer, and whole at the beginning of the next. */
  held(): HeldText | undefined {
    return this.#stream && { ...this.#stream.held(), text: new Uint8Array(0) };
  }
}
