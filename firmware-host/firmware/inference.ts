/** Requests that compute tokens, and the run that goes on between requests. docs/PROTOCOL.md, sections 3 and 5. */

import {
  CANCEL,
  DONE,
  END_REASON,
  ENDED,
  RESET,
  RESUME,
  RUN,
  STEP,
  STEPPED,
  TOKEN,
  wordsOfStepped,
} from '../../protocol/wire/messages-run.js';
import type { LayoutValue } from '../../protocol/wire/layout.js';
import type { BoardModel, ImageStore, RunningImage } from './image-store.js';
import { Refusal } from './refusal.js';
import { handler, reply } from './request.js';
import type { Handler, Reply } from './request.js';
import { Run } from './run.js';

/** Indices are u32. */
const MAX_INDEX = 2 ** 32 - 1;

export class Inference {
  readonly handlers: readonly Handler[] = [
    handler(RESET, () => this.#reset()),
    handler(STEP, (request) => this.#step(request)),
    handler(RUN, (request) => this.#start(request)),
    handler(CANCEL, ({ run }) => this.#cancel(run), { duringRun: true }),
    handler(RESUME, ({ run, index }) => this.#resume(run, index), { duringRun: true }),
  ];
  /** Tokens fed to a model so far. */
  steps = 0;
  readonly #images: ImageStore;
  #run: Run | undefined;
  /** Tokens fed since the state of the model was zero. */
  #fed: { readonly model: BoardModel; readonly count: number } | undefined;

  constructor(images: ImageStore) {
    this.#images = images;
  }

  /** The run that goes on, or the last one. */
  get run(): Run | undefined {
    return this.#run;
  }

  get isRunning(): boolean {
    return this.#run !== undefined && this.#run.endReason === undefined;
  }

  /** Whether {@link work} has something to do. */
  get hasWork(): boolean {
    return this.#run?.isWorking ?? false;
  }

  /** Computes one token. */
  work(): void {
    this.#run?.work();
    this.#stepped();
  }

  /** The next message of the run that is to be sent; it counts as sent. */
  takeReply(): Reply | undefined {
    const run = this.#run;
    if (run === undefined) return undefined;
    const token = run.unsent;
    if (token === undefined && !run.isEndDue) return undefined;
    run.sent();
    return token === undefined ? ended(run) : reply(TOKEN, { run: run.id, ...token });
  }

  /** The host is gone. */
  detach(): void {
    this.#run?.detach();
  }

  /** Ends the run that nobody waits for. */
  endRun(): void {
    this.#run?.cancel();
    this.#run?.detach();
  }

  /** Tokens fed since the state of the running model was zero. */
  get position(): number {
    return this.#fed !== undefined && this.#fed.model === this.#images.running?.model ? this.#fed.count : 0;
  }

  set position(count: number) {
    this.#fed = { model: this.running.model, count };
  }

  #stepped(): void {
    this.steps++;
    this.position = Math.min(this.position + 1, MAX_INDEX);
  }

  #reset(): Reply {
    this.running.model.reset();
    this.position = 0;
    return reply(DONE, { request: RESET.type });
  }

  #step({ taps, candidates, token }: LayoutValue<typeof STEP.layout>): Reply {
    const { model, sampler, view } = this.running;
    checkTokens([token], view.shape.vocabSize);
    const tapped = taps === 1 ? model.stepWithTaps(token) : new Uint32Array(0);
    if (taps === 0) model.step(token);
    this.#stepped();
    const largest = sampler.largest(model.logits, Math.max(1, candidates));
    return reply(STEPPED, {
      token: largest[0]!.id,
      receipt: model.receipt(),
      words: wordsOfStepped({ taps: tapped, candidates: largest.slice(0, candidates) }),
    });
  }

  #start(request: LayoutValue<typeof RUN.layout>): undefined {
    const { model, sampler, view } = this.running;
    const { run, firstIndex, maxTokens, topK, topP, inverseTemperature, seed, tokens } = request;
    checkTokens(tokens, view.shape.vocabSize);
    if (firstIndex + maxTokens > MAX_INDEX) throw new Refusal('malformedPayload', 32 + 4 * tokens.length);
    if (request.keep === 0) {
      model.reset();
      this.position = 0;
    }
    const settings = {
      topK,
      topP,
      invTemperature: inverseTemperature,
      seedLow: Number(seed & 0xffff_ffffn),
      seedHigh: Number(seed >> 32n),
    };
    this.#run = new Run({ run, firstIndex, maxTokens, settings, prompt: tokens.slice() }, { model, sampler });
    return undefined;
  }

  #cancel(id: number): Reply | undefined {
    const run = this.#known(id);
    if (run === undefined) return unknownRun(id);
    run.cancel();
    return undefined;
  }

  #resume(id: number, index: number): Reply | undefined {
    const run = this.#run;
    if (run?.isAttached === true) throw new Refusal('busy', run.id);
    return this.#known(id)?.resume(index) === true ? undefined : unknownRun(id);
  }

  /** The last run, if it is the one that is meant and its model still runs. */
  #known(id: number): Run | undefined {
    const run = this.#run;
    return run?.id === id && run.isOf(this.#images.running?.model) ? run : undefined;
  }

  /** @throws Refusal `noImage` */
  get running(): RunningImage {
    const { running } = this.#images;
    if (running === undefined) throw new Refusal('noImage');
    return running;
  }
}

function checkTokens(tokens: Iterable<number>, vocabSize: number): void {
  for (const token of tokens) if (token >= vocabSize) throw new Refusal('unknownToken', token, vocabSize);
}

function ended({ id, nextIndex, endReason = END_REASON.unknownRun }: Run): Reply {
  return reply(ENDED, { run: id, nextIndex, reason: endReason });
}

function unknownRun(run: number): Reply {
  return reply(ENDED, { run, nextIndex: 0, reason: END_REASON.unknownRun });
}
