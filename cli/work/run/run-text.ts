/** The text of a run: what is shown of its tokens, and what is held back for a later run that goes on with it. */
import { StopMatcher } from '../../../model/text/stop-matcher.js';
import type { TextStream } from '../../../model/text/text-stream.js';
import { MAX_HELD_BYTES, type HeldText } from '../../../protocol/state/state-file.js';
import type { Output } from '../../output.js';

export class RunText {
  readonly #output: Output;
  /** Undefined where the image has no tokenizer. */
  readonly #stream: TextStream | undefined;
  readonly #stopper: StopMatcher;
  /** Ids are printed instead. */
  readonly #showsIds: boolean;

  constructor(output: Output, stream: TextStream | undefined, stops: readonly string[], showsIds: boolean) {
    this.#output = output;
    this.#stream = stream;
    this.#stopper = new StopMatcher(stops);
    this.#showsIds = showsIds;
  }

  /** Whether a stop string ends it. */
  get isStopped(): boolean {
    return this.#stopper.stopped;
  }

  /** Goes on with the text of an earlier run. @returns its text that was not shown yet */
  resume(held: HeldText | undefined): string {
    const text = this.#stream?.resume(held) ?? '';
    return held === undefined ? text : new TextDecoder().decode(held.text) + text;
  }

  /**
   * The prompt, so that what is printed is the whole text.
   *
   * @param before text that was not shown yet
   * @returns what is to be shown before the first token. A stop string may begin in front of the first token, not in a prompt.
   */
  begin(before: string, prompt: readonly number[]): string {
    const shown = prompt.map((id) => this.#stream?.push(id) ?? '').join('');
    return prompt.length > 0 ? before + shown : this.#stopper.push(before);
  }

  /** Prints text; ids are printed elsewhere. */
  print(text: string): void {
    if (!this.#showsIds) this.#output.print(text);
  }

  /** What a token adds to the text. */
  push(id: number): string {
    return this.#stream?.push(id) ?? '';
  }

  /** Prints what a token added, as far as no stop string may begin in it. */
  show(text: string): void {
    this.print(this.#stopper.push(text));
  }

  /** Prints what is held back: nothing follows. */
  end(): void {
    if (!this.isStopped) {
      this.show(this.#stream?.flush() ?? '');
      this.print(this.#stopper.flush());
    }
    this.#output.print('\n');
  }

  /** What is held back, for a run that goes on; undefined where there is no text. What is too long for a state is shown. */
  held(): HeldText | undefined {
    if (this.#stream === undefined) return undefined;
    if (this.#stream.held().run.length > MAX_HELD_BYTES) this.show(this.#stream.flush());
    const text = new TextEncoder().encode(this.#stopper.held);
    if (text.length <= MAX_HELD_BYTES) return { ...this.#stream.held(), text };
    this.print(this.#stopper.flush());
    return { ...this.#stream.held(), text: new Uint8Array(0) };
  }
}
