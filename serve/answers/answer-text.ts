/** The text of an answer as its tokens come: what they say, up to a stop string. */
import { RunningText, type TextPiece } from '../../model/text/running-text.js';
import type { TextStream } from '../../model/text/text-stream.js';
import type { Tokenizer } from '../../model/text/tokenizer.js';
import type { HeldText } from '../../protocol/state/state-file.js';
import type { ServedModel } from '../models/served-model.js';
import type { ToldPrompt } from '../text/text-messages.js';

/** What an answer goes on behind. */
export interface Prompt {
  /** All that is fed. */
  readonly ids: readonly number[];
  /** Whether the first of them is the token that begins texts, put there by the service. */
  readonly isBegun: boolean;
  /** The text that it goes on with, if it does. */
  readonly before?: Before | undefined;
}

/** One that can be gone on with. */
export interface ReadPrompt extends Prompt {
  /** Undefined where there is no text. */
  readonly told: ToldPrompt | undefined;
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
  /** What can be told before the first token: behind a prompt, it belongs to the text before. */
  readonly opening: string;
  readonly #stream: TextStream | undefined;
  readonly #text: RunningText;

  constructor(
    model: Pick<ServedModel, 'shape'> & { readonly tokenizer: Tokenizer | undefined },
    { ids, before, told }: ReadPrompt,
    stops: readonly string[],
  ) {
    this.#stream = model.tokenizer?.textStream();
    this.#text = new RunningText(model.shape, this.#stream, stops);
    this.prompt = told?.text ?? '';
    this.opening = ids.length > 0 ? '' : this.#text.begin(this.#openingOf(before));
    if (ids.length > 0 && told !== undefined) this.#stream?.resume(told.held);
  }

  #openingOf(before: Before | undefined): string {
    if (before === undefined) return '';
    const { held } = before;
    const rest = this.#stream?.resume(held) ?? '';
    return held === undefined ? rest : new TextDecoder().decode(held.text) + rest;
  }

  /** Whether a stop string or an end token was met. */
  get isEnded(): boolean {
    return this.#text.end !== undefined;
  }

  push(id: number): TextPiece {
    return this.#text.push(id);
  }

  /** What was not certain becomes text: nothing follows. */
  end(): string {
    return this.#text.flush();
  }

  /**
   * For who goes on, before {@link end}: parts of a character are told at the end of an answer, and whole at the
   * beginning of the next.
   */
  held(): HeldText | undefined {
    return this.#stream && { ...this.#stream.held(), text: new Uint8Array(0) };
  }
}
