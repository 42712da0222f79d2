/** One choice of an answer: the tokens of a job become text, which ends at a stop string, an end token or the last token that was asked for. */
import { setTimeout as sleep } from 'node:timers/promises';
import { StopMatcher } from '../../model/text/stop-matcher.js';
import { isEnd } from '../../protocol/image/end-tokens.js';
import type { ServedModel } from '../models/served-model.js';
import type { GivenToken, Job } from '../scheduler/job.js';
import type { Score } from '../scheduler/score.js';

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
  /** Of these tokens; undefined for a first one that nothing is in front of. Empty if nobody asked for them. */
  readonly scores: readonly (Score | undefined)[];
}

/** What a choice goes on behind. */
export interface Prompt {
  /** All that is fed. */
  readonly ids: readonly number[];
  /** Whether the first of them is the token that begins texts, put there by the service. */
  readonly isBegun: boolean;
}

export interface ChoiceSettings {
  readonly number: number;
  readonly seed: bigint;
  readonly prompt: Prompt;
  readonly stops: readonly string[];
  readonly echo: boolean;
  /** Ends its job. */
  readonly stop: () => void;
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
    const { prompt, stops, echo, stop } = this.#settings;
    const { job } = this;
    const stream = this.#model.tokenizer?.textStream();
    const stopper = new StopMatcher(stops);
    const promptText = prompt.ids.map((id) => stream?.push(id) ?? '').join('');
    let isFirst = true;
    for (;;) {
      const startMs = performance.now();
      const tokens = await job.take();
      let text = '';
      let finish: FinishReason | null = null;
      let used = 0;
      for (const { id } of tokens) {
        used++;
        const added = stream?.push(id) ?? '';
        const isLast = isEnd(this.#model.shape, id);
        if (!isLast) text += stopper.push(added);
        if (isLast || stopper.stopped) finish = 'stop';
        if (finish !== null) break;
      }
      if (finish === null && this.told + used === job.work.maxTokens) finish = 'length';
      // It was aborted.
      if (finish === null && tokens.length === 0) return;
      if (finish !== null && !stopper.stopped) text += stopper.push(stream?.flush() ?? '') + stopper.flush();
      this.told += used;
      yield {
        choice: this,
        text,
        tokens: tokens.slice(0, used),
        finish,
        ...(isFirst && echo && { prompt: this.#echoed(promptText) }),
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
    const scores = work.scoresPrompt !== true ? [] : isBegun ? promptScores : [undefined, ...promptScores];
    return { text, tokens: isBegun ? ids.slice(1) : ids, scores };
  }
}
