/**
 * Texts on a machine: a prompt goes in, pieces of text come out, and what is between is a value that can be saved and
 * go on elsewhere (docs/STATE.md).
 */

import type { OpenedMachine } from '../engine/opened-machine.js';
import { promptTokens, TextSession, tokenizerOf } from '../engine/text-session.js';
import { samplerSettings, type SamplerOptions } from '../model/integer/sampler.js';
import type { GeneratedToken, Machine, Sequence } from '../model/machine/machine.js';
import type { Tokenizer } from '../model/text/tokenizer.js';
import { USUAL_SAMPLING, type SamplerSettings } from '../protocol/sampling.js';
import { decodeState, encodeState } from '../protocol/state/state-file.js';

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
  /**
   * What the text is for the machine: token ids instead of text. Whoever feeds it goes around this text, which cannot
   * be saved then.
   */
  readonly sequence: Sequence;
  /** That of the image. */
  readonly tokenizer: Tokenizer;
  /**
   * Goes on with the text.
   *
   * @param prompt is fed first; the first one begins the text, and an empty one goes on where it stopped
   * @param options settings of the sampler that are not given are those before, or else 0.8, top-k 40, top-p 0.95, seed
   *   1
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
 * @throws {@link MmfreeError} `state-damaged`, `state-other-image`, … for a state that cannot be used here, and for an
 *   image without a tokenizer; RangeError if the machine takes no more texts, or no states
 */
export async function openText(opened: OpenedMachine, state?: Uint8Array): Promise<Text> {
  const { machine } = opened;
  const tokenizer = await tokenizerOf(opened);
  const saved = state === undefined ? undefined : decodeState(state);
  return new SessionText(machine, tokenizer, await TextSession.open(machine, tokenizer, saved));
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

class SessionText implements Text {
  readonly sequence: Sequence;
  readonly tokenizer: Tokenizer;
  readonly #machine: Machine;
  readonly #session: TextSession;

  constructor(machine: Machine, tokenizer: Tokenizer, session: TextSession) {
    this.#machine = machine;
    this.sequence = session.sequence;
    this.tokenizer = tokenizer;
    this.#session = session;
  }

  async *generate(prompt = '', options: GenerateOptions = {}): AsyncGenerator<TextPiece, void> {
    const session = this.#session;
    const { maxTokens = USUAL_MAX_TOKENS, stop = [], signal } = options;
    const sampler = this.#samplerOf(options);
    const given = this.#tokensOf(prompt);
    if (given.length === 0 && session.isAtEnd) return;
    let before = '';
    for await (const step of session.generate({ prompt: given, maxTokens, sampler, stop, signal })) {
      before += step.opening?.before ?? '';
      // No piece is without a token: what would be in it comes first when the text goes on.
      if (step.token === undefined) {
        session.keep(before);
        return;
      }
      const { end } = step;
      const text = before + step.text + (end === 'max-tokens' ? session.release() : '');
      before = '';
      yield { ...step.token, text, ...(end && { end }) };
    }
  }

  async save(): Promise<Uint8Array> {
    return encodeState(await this.#session.save());
  }

  async close(): Promise<void> {
    await this.sequence.close();
  }

  /** The token that begins texts is in front of the first ones. */
  #tokensOf(prompt: string): number[] {
    const { isNew } = this.#session;
    return isNew ? promptTokens(this.#machine, this.tokenizer, prompt) : this.tokenizer.encode(prompt, true);
  }

  /** Those before, unless any is given. @throws RangeError */
  #samplerOf({ temperature, topK, topP, seed }: GenerateOptions): SamplerSettings {
    const given = Object.entries({ temperature, topK, topP, seed }).filter(([, value]) => value !== undefined);
    const { sampler } = this.#session;
    if (given.length === 0 && sampler !== undefined) return sampler;
    return samplerSettings({ ...USUAL_SAMPLING, ...Object.fromEntries(given) });
  }
}
