/**
 * One choice of an answer: the tokens of a job become text, which ends at a stop string, an end token or the last token
 * that was asked for.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { HeldText } from '../../protocol/state/state-file.js';
import type { ServedModel } from '../models/served-model.js';
import type { GivenToken, Job } from '../scheduler/job.js';
import type { Score } from '../scheduler/score.js';
import type { AnswerText, ReadPrompt } from './answer-text.js';
import type { DoneChoice, Observer } from './observer.js';

export type FinishReason = 'stop' | 'length';

/** What is new of a choice. */
export interface Piece {
  readonly choice: Choice;
  /** Text that is certain. */
  readonly text: string;
  readonly tokens: readonly GivenToken[];
  /** Of the prompt, in the first piece, where it was asked for. */
  readonly prompt?: EchoedPrompt;
  /** In the last piece. */
  readonly finish: FinishReason | null;
}

/** The prompt, as it is told again. */
export interface EchoedPrompt {
  readonly text: string;
  /** Without the token that the service put in front. */
  readonly tokens: readonly number[];
  /** Of the token there; undefined for a first one that nothing is in front of, and if nobody asked for them. */
  readonly scoreAt: (index: number) => Score | undefined;
}

export interface ChoiceSettings {
  readonly number: number;
  readonly seed: bigint;
  readonly prompt: ReadPrompt;
  /** The one that its job makes. */
  readonly text: AnswerText;
  readonly echo: boolean;
  readonly observer: Observer;
  /** Ends its job. */
  readonly stop: () => void;
  /** Keeps the conversation before the last piece is told. */
  readonly keep?: ((job: Job, held: HeldText | undefined) => Promise<void>) | undefined;
}

/** Tokens that come faster share a piece. */
const PACE_MS = 5;

export class Choice {
  readonly number: number;
  readonly seed: bigint;
  readonly job: Job;
  /** Tokens of it that are in pieces. */
  told = 0;
  readonly #model: ServedModel;
  readonly #settings: ChoiceSettings;

  constructor(model: ServedModel, job: Job, settings: ChoiceSettings) {
    this.#model = model;
    this.job = job;
    this.#settings = settings;
    this.number = settings.number;
    this.seed = settings.seed;
  }

  /**
   * Pieces as they come, the last one with the reason for which it ends; none behind an abort.
   *
   * @param isPaced for who sends each one by itself
   * @throws what the job failed with
   */
  async *pieces(isPaced: boolean): AsyncGenerator<Piece, void> {
    const seconds = (): number => (performance.now() - this.job.arrivedMs) / 1000;
    const { observer } = this.#settings;
    let reason: DoneChoice['reason'] = 'abort';
    let lastSeconds = 0;
    try {
      for await (const piece of this.#told(isPaced)) {
        const { length } = piece.tokens;
        if (length > 0) {
          const now = seconds();
          // Those that came together came one after the other.
          if (this.told === length) observer.onFirstToken(this.#model.id, now);
          else observer.onTokens(this.#model.id, length, (now - lastSeconds) / length);
          lastSeconds = now;
        }
        reason = piece.finish ?? reason;
        yield piece;
      }
    } catch (error) {
      reason = 'error';
      throw error;
    } finally {
      observer.onDone(this.#model.id, { reason, tokens: this.told, found: this.job.found, seconds: seconds() });
    }
  }

  async *#told(isPaced: boolean): AsyncGenerator<Piece, void> {
    const { text, echo, stop, keep } = this.#settings;
    const { job } = this;
    let isFirst = true;
    for (;;) {
      const startMs = performance.now();
      const tokens = await job.take();
      this.told += tokens.length;
      const isAtEnd = job.isWhole && this.told === job.given.length;
      const finish: FinishReason | null =
        isAtEnd && text.isEnded ? 'stop' : this.told === job.work.maxTokens ? 'length' : null;
      // It was aborted.
      if (finish === null && tokens.length === 0) return;
      const pieces = tokens.map(({ piece }) => piece?.text ?? '');
      if (isFirst) pieces.unshift(text.opening);
      if (finish !== null) {
        await keep?.(job, text.held());
        pieces.push(text.end());
      }
      yield {
        choice: this,
        text: pieces.join(''),
        tokens,
        finish,
        ...(isFirst && echo && { prompt: this.#echoed(text.prompt) }),
      };
      isFirst = false;
      if (finish !== null) {
        // Behind a stop string nothing more is wanted.
        stop();
        return;
      }
      const restMs = PACE_MS - (performance.now() - startMs);
      if (isPaced && restMs > 1) await sleep(restMs);
    }
  }

  #echoed(text: string): EchoedPrompt {
    const { ids, isBegun } = this.#settings.prompt;
    const { promptScores, work } = this.job;
    const first = isBegun ? 0 : 1;
    const scoreAt = (index: number): Score | undefined => {
      return work.scoresPrompt === true && index >= first ? promptScores.at(index - first) : undefined;
    };
    return { text, tokens: isBegun ? ids.slice(1) : ids, scoreAt };
  }
}
