/**
 * The text of tokens as they come, up to an end token or a stop string. What later tokens could change is held back.
 */
import { isEnd, type EndTokens } from '../../protocol/image/end-tokens.js';
import { StopMatcher } from './stop-matcher.js';
import type { TextStream } from './text-stream.js';

/** What a token does to a text. */
export interface TextPiece {
  /** What it adds to the text. */
  readonly added: string;
  /** What can be shown now: what may be the beginning of a stop string is held back. */
  readonly text: string;
  /** Why the text ends here, if it does. */
  readonly end?: 'end-of-text' | 'stop';
}

export class RunningText {
  readonly #shape: EndTokens;
  readonly #stream: TextStream | undefined;
  readonly #stopper: StopMatcher;
  #isAtEndToken = false;

  /** @param stream from which the text comes; without one there is none, and it ends at end tokens only */
  constructor(shape: EndTokens, stream: TextStream | undefined, stops: readonly string[]) {
    this.#shape = shape;
    this.#stream = stream;
    this.#stopper = new StopMatcher(stops);
  }

  /** Why it has ended, if it has. */
  get end(): TextPiece['end'] {
    return this.#stopper.stopped ? 'stop' : this.#isAtEndToken ? 'end-of-text' : undefined;
  }

  /** What may be the beginning of a stop string, or was behind one. */
  get held(): string {
    return this.#stopper.held;
  }

  /** Text in front of the first token, in which a stop string may begin. @returns what of it can be shown */
  begin(text: string): string {
    return this.#stopper.push(text);
  }

  push(id: number): TextPiece {
    const isLast = isEnd(this.#shape, id);
    // No token makes a character complete that an end token follows.
    const rest = isLast ? (this.#stream?.flush() ?? '') : '';
    const added = rest + (this.#stream?.push(id) ?? '');
    let text = this.#stopper.push(isLast ? rest : added);
    if (isLast) text += this.#stopper.flush();
    this.#isAtEndToken = isLast;
    const { end } = this;
    return { added, text, ...(end && { end }) };
  }

  /** What is held back can be shown: no token follows. */
  flush(): string {
    return this.#stopper.push(this.#stream?.flush() ?? '') + this.#stopper.flush();
  }
}
