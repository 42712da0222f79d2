/**
 * A text on a machine: a prompt becomes tokens, tokens become text as they come, and it ends at an end token or a stop
 * string. What is held back until more is known belongs to the state of the text (docs/STATE.md).
 */
import type { GeneratedToken, GenerateRequest, Machine, MachineFacts, Sequence } from '../model/machine/machine.js';
import { RunningText, type TextPiece } from '../model/text/running-text.js';
import type { TextStream } from '../model/text/text-stream.js';
import { loadTokenizer, type Tokenizer } from '../model/text/tokenizer.js';
import { isEnd } from '../protocol/image/end-tokens.js';
import type { SamplerSettings } from '../protocol/sampling.js';
import type { HeldText, SavedState } from '../protocol/state/state-file.js';
import { noTokenizer } from './engine-error.js';
import type { OpenedMachine } from './opened-machine.js';

/** How a text goes on. */
export interface TextRequest extends GenerateRequest {
  /** It ends before the first of these. */
  readonly stop?: readonly string[];
  /** Who generates instead of the sequence, from the same request: the sequence beside another one. */
  readonly source?: (request: GenerateRequest) => AsyncIterable<GeneratedToken>;
}

/** What is to be shown in front of the first token. */
export interface TextOpening {
  /** What was held back where the text stopped before. */
  readonly before: string;
  /** The prompt, as far as it was fed. */
  readonly prompt: string;
}

/** A step of a text. */
export interface TextStep extends Omit<TextPiece, 'end'> {
  /** Of the first step only. */
  readonly opening?: TextOpening;
  /** What was chosen; absent in the only step of a text that ends before it has a token. */
  readonly token?: GeneratedToken;
  /** Why the text ends here; absent in all steps but the last, and in that too where it is aborted. */
  readonly end?: TextEnd;
}

export type TextEnd = NonNullable<TextPiece['end']> | 'max-tokens';

/** @throws EngineError `no-tokenizer`; TokenizerError */
export async function tokenizerOf(opened: OpenedMachine): Promise<Tokenizer> {
  const { machine, imageName, tokenizer, tokenizerJson } = opened;
  if (tokenizer === undefined && tokenizerJson.length === 0) throw noTokenizer(imageName);
  return await (tokenizer ?? loadTokenizer(tokenizerJson, machine.facts.shape));
}

/** Those of a text that begins. */
export function promptTokens({ facts }: Machine, tokenizer: Tokenizer, text: string): number[] {
  return [facts.shape.bosTokenId, ...tokenizer.encode(text)];
}

export class TextSession {
  readonly sequence: Sequence;
  readonly #facts: MachineFacts;
  readonly #stream: TextStream | undefined;
  /** The token that was chosen and not fed yet. */
  #chosen: number | undefined;
  #sampler: SamplerSettings | undefined;
  /** Certain, and not shown: what may be the beginning of a stop string, or what was behind one. */
  #pending = '';

  private constructor(facts: MachineFacts, sequence: Sequence, stream: TextStream | undefined) {
    this.#facts = facts;
    this.sequence = sequence;
    this.#stream = stream;
  }

  /**
   * @param tokenizer undefined where only token ids are given and wanted
   * @param saved where it goes on
   * @throws StateError; what the machine throws
   */
  static async open(machine: Machine, tokenizer: Tokenizer | undefined, saved?: SavedState): Promise<TextSession> {
    const { facts } = machine;
    if (saved !== undefined) (await loadStates()).expectStateOf(saved, facts.image.sha256, facts.shape);
    const session = new TextSession(facts, await machine.open(), tokenizer?.textStream());
    try {
      if (saved !== undefined) await session.#restore(saved);
      return session;
    } catch (error) {
      await session.sequence.close();
      throw error;
    }
  }

  /** Whether nothing was fed or chosen. */
  get isNew(): boolean {
    return this.sequence.position === 0 && this.#chosen === undefined;
  }

  get chosen(): number | undefined {
    return this.#chosen;
  }

  /** Whether the token that was chosen last ends texts: only a prompt leads on. */
  get isAtEnd(): boolean {
    return this.#chosen !== undefined && isEnd(this.#facts.shape, this.#chosen);
  }

  /** Settings with which it was generated last. */
  get sampler(): SamplerSettings | undefined {
    return this.#sampler;
  }

  /**
   * Goes on with the text. Whoever leaves it in the middle can go on from there.
   *
   * @throws what the machine throws, before a step or between two
   */
  async *generate({ stop = [], source, ...request }: TextRequest): AsyncGenerator<TextStep, void> {
    const { prompt, maxTokens, sampler } = request;
    const { sequence } = this;
    const running = new RunningText(this.#facts.shape, this.#stream, stop);
    // A stop string may begin in front of the first token, not in front of a prompt, or in it.
    const before = prompt.length > 0 ? this.#pending : running.begin(this.#pending);
    if (running.end !== undefined) {
      this.#pending = running.held;
      yield { opening: { before, prompt: '' }, added: '', text: '', end: 'stop' };
      return;
    }
    const { position } = sequence;
    const waiting = this.#chosen === undefined ? 0 : 1;
    let count = 0;
    let fed = '';
    try {
      for await (const token of source?.(request) ?? sequence.generate(request)) {
        if (count++ === 0) fed = this.#fed(prompt, sampler);
        const opening = count === 1 ? { before, prompt: fed } : undefined;
        this.#chosen = token.id;
        const piece = running.push(token.id);
        const end = piece.end ?? (count === maxTokens ? 'max-tokens' : undefined);
        this.#pending = running.held;
        yield { token, ...piece, ...(opening && { opening }), ...(end && { end }) };
        if (end !== undefined) return;
      }
    } finally {
      // An abort may have come first: what was fed by then belongs to the text.
      const passed = sequence.position - position;
      if (count === 0 && passed > 0) fed = this.#fed(prompt.slice(0, passed - waiting), sampler);
    }
    if (count > 0) return;
    this.#pending = running.held;
    yield { opening: { before, prompt: fed }, added: '', text: '' };
  }

  /** Text that could not be shown after all comes first when the text goes on. */
  keep(text: string): void {
    this.#pending = text + this.#pending;
  }

  /** What is held back for stop strings: none of them follows. */
  release(): string {
    const text = this.#pending;
    this.#pending = '';
    return text;
  }

  /** All that is held back: nothing follows. */
  flush(): string {
    return this.release() + this.#flushStream();
  }

  /** Text of which more is held back than a state takes; usually none. */
  async flushExcess(): Promise<string> {
    const { text, run } = this.#held() ?? {};
    const { MAX_HELD_BYTES } = await loadStates();
    return Math.max(text?.length ?? 0, run?.length ?? 0) > MAX_HELD_BYTES ? this.flush() : '';
  }

  /** The text as it is now. @throws what the sequence throws */
  async save(): Promise<SavedState> {
    const { image, shape } = this.#facts;
    const held = this.#held();
    const sampler = this.#sampler;
    const state = await this.sequence.save();
    return { image: image.sha256, shape, state, ...(held && { held }), ...(sampler && { sampler }) };
  }

  async #restore({ state, sampler, held }: SavedState): Promise<void> {
    await this.sequence.restore(state);
    this.#chosen = state.chosen;
    this.#sampler = sampler;
    if (state.position > 0) this.#pending = new TextDecoder().decode(held?.text) + (this.#stream?.resume(held) ?? '');
  }

  /** These tokens were fed, behind the one that was chosen before them. @returns their text */
  #fed(prompt: readonly number[], sampler: SamplerSettings): string {
    this.#chosen = undefined;
    this.#sampler = sampler;
    return prompt.map((id) => this.#stream?.push(id) ?? '').join('');
  }

  #flushStream(): string {
    return this.#stream?.flush() ?? '';
  }

  /** Undefined where there is no text. */
  #held(): HeldText | undefined {
    return this.#stream && { ...this.#stream.held(), text: new TextEncoder().encode(this.#pending) };
  }
}

/** Texts without states do not load what they need. */
async function loadStates(): Promise<typeof import('../protocol/state/state-file.js')> {
  return await import('../protocol/state/state-file.js');
}
