/**
 * A conversation in the terminal: what is said becomes tokens behind those before it, and the state stays where it is
 * between two answers.
 */
import type { OpenedMachine } from '../../../engine/opened-machine.js';
import { TextSession, type TextStep } from '../../../engine/text-session.js';
import type { Tokenizer } from '../../../model/text/tokenizer.js';
import type { SamplerSettings } from '../../../protocol/sampling.js';
import type { SavedState } from '../../../protocol/state/state-file.js';
import { tokensFed } from '../../../protocol/state/tokens-fed.js';
import { chatStops } from '../../../serve/text/chat-template.js';
import { chatTokens } from '../../../serve/text/chat-tokens.js';
import type { Texts } from '../../../serve/text/texts.js';

/** More tokens than a stop string of the service has. */
const LAST_IDS = 16;

export interface AnswerSettings {
  readonly maxTokens: number;
  readonly sampler: SamplerSettings;
  readonly stop: readonly string[];
  readonly signal: AbortSignal;
}

export class Conversation {
  readonly #opened: OpenedMachine;
  readonly #tokenizer: Tokenizer;
  readonly #texts: Texts;
  readonly #system: string | undefined;
  #text: TextSession;
  /** Where it began. */
  #saved: SavedState | undefined;
  /** What was given and chosen since then. */
  #tokens: number[] = [];
  /** Of a message that was interrupted: what is still to be fed. */
  #unfed: readonly number[] = [];

  private constructor(
    opened: OpenedMachine,
    tokenizer: Tokenizer,
    texts: Texts,
    system: string | undefined,
    text: TextSession,
    saved: SavedState | undefined,
  ) {
    this.#opened = opened;
    this.#tokenizer = tokenizer;
    this.#texts = texts;
    this.#system = system;
    this.#text = text;
    this.#saved = saved;
  }

  /** @param system what is said before everything else @throws StateError; what the machine throws */
  static async begin(
    opened: OpenedMachine,
    tokenizer: Tokenizer,
    texts: Texts,
    system: string | undefined,
    saved: SavedState | undefined,
  ): Promise<Conversation> {
    const text = await TextSession.open(opened.machine, tokenizer, saved);
    return new Conversation(opened, tokenizer, texts, system, text, saved);
  }

  /** Tokens that were fed. */
  get position(): number {
    return this.#text.sequence.position;
  }

  /** Whether something was left in the middle that no state can hold. */
  get isInMessage(): boolean {
    return this.#unfed.length > 0;
  }

  /**
   * The answer to what is said, as it comes. Whoever aborts it, or leaves it, can go on from there.
   *
   * @throws TextProblem; what the machine throws
   */
  async *answer(said: string, { maxTokens, sampler, stop, signal }: AnswerSettings): AsyncGenerator<TextStep, void> {
    const { machine, chat } = this.#opened;
    const isNew = this.#text.isNew && this.#unfed.length === 0;
    const messages = [
      ...(isNew && this.#system !== undefined ? [{ role: 'system', content: this.#system }] : []),
      { role: 'user', content: said },
    ];
    const { ids } = await chatTokens(this.#texts, machine.facts.shape, messages, isNew ? undefined : this.#lastIds());
    const prompt = [...this.#unfed, ...ids];
    const [begun, waiting] = [this.position, this.#text.chosen === undefined ? 0 : 1];
    let count = 0;
    try {
      const request = { prompt, maxTokens, sampler, signal, stop: [...stop, ...chatStops(chat)] };
      for await (const step of this.#text.generate(request)) {
        if (step.token !== undefined) {
          if (count++ === 0) this.#tokens.push(...prompt);
          this.#tokens.push(step.token.id);
        }
        yield step.end === undefined ? step : { ...step, text: step.text + this.#rest(step) };
      }
    } finally {
      const fed = count > 0 ? prompt.length : Math.max(0, this.position - begun - waiting);
      if (count === 0) this.#tokens.push(...prompt.slice(0, fed));
      this.#unfed = prompt.slice(fed);
    }
  }

  /** What was held back at the end of an answer; behind a stop string nothing is shown. */
  #rest({ end }: TextStep): string {
    const rest = this.#text.flush();
    return end === 'stop' ? '' : rest;
  }

  #lastIds(): number[] {
    const { tokens = [], state } = this.#saved ?? {};
    const chosen = state?.chosen === undefined ? [] : [state.chosen];
    return [...tokens.slice(-LAST_IDS), ...chosen, ...this.#tokens].slice(-LAST_IDS);
  }

  /**
   * Another conversation: a new one, or that of a state. This one is as it was if that cannot be opened.
   *
   * @throws StateError; what the machine throws
   */
  async replace(saved: SavedState | undefined): Promise<void> {
    if (saved !== undefined) {
      const { expectStateOf } = await import('../../../protocol/state/state-file.js');
      const { image, shape } = this.#opened.machine.facts;
      expectStateOf(saved, image.sha256, shape);
    }
    // A board has one sequence.
    await this.#text.sequence.close();
    this.#text = await TextSession.open(this.#opened.machine, this.#tokenizer, saved);
    this.#saved = saved;
    this.#tokens = [];
    this.#unfed = [];
  }

  /** As a state file has it. @throws what the machine throws */
  async save(): Promise<SavedState> {
    const saved = await this.#text.save();
    const tokens = tokensFed(this.#saved, this.#tokens, saved.state.position);
    return tokens === undefined ? saved : { ...saved, tokens };
  }
}
