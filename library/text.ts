/**
 * Texts on a machine: a prompt goes in, pieces of text come out, and what is between is a value that can be saved and
 * go on elsewhere (docs/STATE.md).
 */

import type { OpenedMachine } from '../engine/opened-machine.js';
import { samplerSettings, type SamplerOptions } from '../model/integer/sampler.js';
import type { GeneratedToken, Machine, Sequence } from '../model/machine/machine.js';
import { StopMatcher } from '../model/text/stop-matcher.js';
import type { TextStream } from '../model/text/text-stream.js';
import type { Tokenizer } from '../model/text/tokenizer.js';
import { isEnd } from '../protocol/image/end-tokens.js';
import { USUAL_SAMPLING, type SamplerSettings } from '../protocol/sampling.js';
import { decodeState, encodeState, expectStateOf } from '../protocol/state/state-file.js';
import { promptTokens, tokenizerOf } from './prompt.js';

/** How a text goes on. */
export interface GenerateOptions extends Partial<SamplerOptions> {
  /** Most tokens that are chosen; 256 unless given. */
  readonly maxTokens?: number;
  /** The text ends before the first of these. */
  readonly stop?: readonly string[];
  /** Ends it, after the token in flight. */
  readonly signal?: AbortSignal;
}

/** A token that was chosen, and the text that is certain with it. */
export interface TextPiece extends GeneratedToken {
  /** Often empty: what later tokens could change is held back. */
  readonly text: string;
  /** Why the text ends here; absent in all pieces but the last. An aborted text has no last piece. */
  readonly end?: 'end-of-text' | 'stop' | 'max-tokens';
}

/** One text with its state, on one machine. It does one thing at a time. */
export interface Text {
  /** What the text is for the machine: token ids instead of text. Whoever feeds it goes around this text, which cannot be saved then. */
  readonly sequence: Sequence;
  /** That of the image. */
  readonly tokenizer: Tokenizer;
  /**
   * Goes on with the text.
   *
   * @param prompt is fed first; the first one begins the text, and an empty one goes on where it stopped
   * @param options settings of the sampler that are not given are those before, or else 0.8, top-k 40, top-p 0.95, seed 1
   * @returns what is chosen, token by token, without the prompt. Who leaves it in the middle can go on from there
   * @throws RangeError for options out of range; what the machine throws
   */
  generate(prompt?: string, options?: GenerateOptions): AsyncGenerator<TextPiece, void>;
  /**
   * The text as it is now, as a file (docs/STATE.md): 8 KiB for tales-9m, good on every machine with the same image.
   *
   * @returns bytes for {@link openText} and for `mmfree run --load-state`
   * @throws RangeError if the machine gives no states
   */
  save(): Promise<Uint8Array>;
  /** Frees what the text has on the machine. */
  close(): Promise<void>;
}

const USUAL_MAX_TOKENS = 256;

/**
 * Opens a text: a new one, or one that was saved, on this machine or another one with the same image.
 *
 * @param opened the machine
 * @param state what {@link Text.save} gave; anything may be in it
 * @returns the text; the caller closes it
 * @throws {@link MmfreeError} `state-damaged`, `state-other-image`, … for a state that cannot be used here, and for an image
 *   without a tokenizer; RangeError if the machine takes no more texts, or no states
 */
export async function openText(opened: OpenedMachine, state?: Uint8Array): Promise<Text> {
  const { machine } = opened;
  const tokenizer = await tokenizerOf(opened);
  const sequence = await machine.open();
  const text = new MachineText(machine, tokenizer, sequence);
  try {
    if (state !== undefined) await text.restore(state);
    return text;
  } catch (error) {
    await sequence.close();
    throw error;
  }
}

/**
 * One text from its beginning to its end.
 *
 * @param opened the machine
 * @param prompt what it begins with
 * @param options how it goes on
 * @returns pieces of text as they are chosen, without the prompt
 * @throws what {@link openText} and {@link Text.generate} throw
 */
export async function* generate(
  opened: OpenedMachine,
  prompt: string,
  options: GenerateOptions = {},
): AsyncGenerator<TextPiece, void> {
  const text = await openText(opened);
  try {
    yield* text.generate(prompt, options);
  } finally {
    await text.close();
  }
}

class MachineText implements Text {
  readonly sequence: Sequence;
  readonly tokenizer: Tokenizer;
  readonly #machine: Machine;
  readonly #stream: TextStream;
  /** The token that was chosen and not fed yet. */
  #chosen: number | undefined;
  #sampler: SamplerSettings | undefined;
  /** Text that was held back where the text was saved, and comes first. */
  #pending = '';

  constructor(machine: Machine, tokenizer: Tokenizer, sequence: Sequence) {
    this.#machine = machine;
    this.sequence = sequence;
    this.tokenizer = tokenizer;
    this.#stream = tokenizer.textStream();
  }

  async *generate(prompt = '', options: GenerateOptions = {}): AsyncGenerator<TextPiece, void> {
    const { maxTokens = USUAL_MAX_TOKENS, stop = [], signal } = options;
    const sampler = this.#samplerOf(options);
    const stopper = new StopMatcher(stop);
    const { sequence } = this;
    const given = this.#tokensOf(prompt);
    if (given.length === 0 && this.#chosen !== undefined && this.#isEnd(this.#chosen)) return;
    const { position } = sequence;
    const waiting = this.#chosen === undefined ? 0 : 1;
    let count = 0;
    try {
      for await (const token of sequence.generate({ prompt: given, maxTokens, sampler, signal })) {
        if (count++ === 0) this.#begin(given, sampler);
        this.#chosen = token.id;
        let text = stopper.push(this.#takePending() + this.#stream.push(token.id));
        const isLast = this.#isEnd(token.id);
        if (isLast) text += stopper.push(this.#stream.flush());
        const end = stopper.stopped ? 'stop' : isLast ? 'end-of-text' : count === maxTokens ? 'max-tokens' : undefined;
        if (end !== undefined) text += stopper.flush();
        yield { ...token, text, ...(end && { end }) };
        if (end !== undefined) return;
      }
    } finally {
      const fed = sequence.position - position;
      // An abort may have come first: what was fed by then belongs to the text.
      if (count === 0 && fed > 0) this.#begin(given.slice(0, fed - waiting), sampler);
      // What was held back for a stop string is not lost where the text is left.
      this.#pending += stopper.flush();
    }
  }

  async save(): Promise<Uint8Array> {
    const state = await this.sequence.save();
    const { image, shape } = this.#machine.facts;
    const sampler = this.#sampler;
    const held = { ...this.#stream.held(), text: new TextEncoder().encode(this.#pending) };
    return encodeState({ image: image.sha256, shape, state, held, ...(sampler && { sampler }) });
  }

  /** @throws StateError */
  async restore(bytes: Uint8Array): Promise<void> {
    const { image, shape } = this.#machine.facts;
    const saved = decodeState(bytes);
    expectStateOf(saved, image.sha256, shape);
    await this.sequence.restore(saved.state);
    this.#chosen = saved.state.chosen;
    this.#sampler = saved.sampler;
    if (saved.state.position > 0) {
      this.#pending = new TextDecoder().decode(saved.held?.text) + this.#stream.resume(saved.held);
    }
  }

  async close(): Promise<void> {
    await this.sequence.close();
  }

  /** The token that begins texts is in front of the first ones. */
  #tokensOf(prompt: string): number[] {
    const isNew = this.sequence.position === 0 && this.#chosen === undefined;
    return isNew ? promptTokens(this.#machine, this.tokenizer, prompt) : this.tokenizer.encode(prompt, true);
  }

  /** These tokens of a prompt were fed, behind the one that was chosen before them. */
  #begin(prompt: readonly number[], sampler: SamplerSettings): void {
    this.#chosen = undefined;
    this.#sampler = sampler;
    for (const id of prompt) this.#stream.push(id);
  }

  #takePending(): string {
    const pending = this.#pending;
    this.#pending = '';
    return pending;
  }

  #isEnd(token: number): boolean {
    return isEnd(this.#machine.facts.shape, token);
  }

  /** Those before, unless any is given. @throws RangeError */
  #samplerOf({ temperature, topK, topP, seed }: GenerateOptions): SamplerSettings {
    const given = Object.entries({ temperature, topK, topP, seed }).filter(([, value]) => value !== undefined);
    if (given.length === 0 && this.#sampler !== undefined) return this.#sampler;
    return samplerSettings({ ...USUAL_SAMPLING, ...Object.fromEntries(given) });
  }
}
