/**
 * Sequences on a GPU: one, or a batch whose members each keep a state, a prompt and a sampler of their own.
 *
 * A run stays on the GPU: embedding, layers, head, sampler, and again. The host submits several tokens at a time, and while it looks at those of
 * one submission the next is computed. What was computed too much when a run is stopped from outside is undone, so that the state is always that
 * of the tokens that were fed.
 */
import { isEnd } from '../../../protocol/image/end-tokens.js';
import type { SamplerSettings } from '../../../protocol/sampling.js';
import { encodeDispatches, timeDispatches, type Dispatch } from './device/dispatch.js';
import type { BufferPart } from './device/gpu-device.js';
import { USAGE } from './device/gpu-usage.js';
import type { GpuModel } from './gpu-model.js';
import { transcodeKernel } from './gpu-weights.js';
import { fusedKernelsFit, subgroupOf } from './kernel-plan.js';
import { CONTROL, CONTROL_WORDS, RESULT_WORDS } from './kernels/control.js';
import { embedNext } from './kernels/embed.js';
import type { Group } from './kernels/reduce.js';
import { sample } from './kernels/sample.js';
import { surveyLogits, surveyWorkgroups } from './kernels/survey-logits.js';
import { crcOfZeroWords } from './crc-factors.js';
import type { Step } from './batch-step.js';
import { checkToken, PromptFeeder, type FedToken, type Want } from './prompt-feeder.js';
import { manyRows } from './row-buffers.js';
import { SequenceBuffers } from './sequence-buffers.js';
import { singleKernels, SinglePass } from './single-pass.js';

/** A run of one sequence, from its present state. */
export interface SequenceRun {
  /** At least one token id, each below V. */
  readonly prompt: readonly number[];
  readonly maxTokens: number;
  readonly sampler: SamplerSettings;
  /** Index of the first token to choose, for a run that resumes. */
  readonly firstIndex?: number;
  /** Is told how many tokens of a long prompt are fed. */
  readonly onPrompt?: (fed: number) => void;
}

/** A token that one of the sequences chose. */
export interface SequenceToken {
  readonly sequence: number;
  readonly index: number;
  readonly id: number;
  readonly receipt: number;
}

const GROUP_SIZE = 256;
/** Steps of one submission at most: results of a sequence that fit until the host takes them. */
const RESULT_SLOTS = 16;
/** Submissions that the GPU has before it, once a run has begun: with fewer, it waits for the host now and then. */
const IN_FLIGHT = 3;

export class GpuSequences {
  readonly count: number;
  readonly #model: GpuModel;
  readonly #buffers: SequenceBuffers;
  readonly #embedNext: Dispatch;
  readonly #survey: Dispatch;
  readonly #sample: Dispatch;
  readonly #step: Step;
  readonly #readback: readonly GPUBuffer[];
  readonly #snapshots: readonly GPUBuffer[];
  readonly #feeder: PromptFeeder;
  /** Slot that the next step reports in. */
  #slot = 0;

  private constructor(model: GpuModel, buffers: SequenceBuffers, step: Step, kernels: RunKernels) {
    const { gpu, weights } = model;
    const { count, control, receipts, logits, x, results, bests } = buffers;
    this.count = count;
    this.#model = model;
    this.#buffers = buffers;
    this.#step = step;
    const perSequence = (
      label: string,
      kernel: GPUComputePipeline,
      parts: readonly (BufferPart | GPUBuffer)[],
    ): Dispatch => ({ label, kernel, bindings: gpu.bind(kernel, parts), workgroups: () => [count, 1, 1] });
    this.#embedNext = perSequence('embed next', kernels.embedNext, [
      weights.headConstants,
      control,
      weights.embedding,
      x,
    ]);
    this.#survey = {
      label: 'survey logits',
      kernel: kernels.survey,
      bindings: gpu.bind(kernels.survey, [weights.crcFactors, logits, receipts, bests]),
      workgroups: () => [surveyWorkgroups(model.shape, surveyGroup(model)), count, 1],
    };
    this.#sample = perSequence('sample', kernels.sample, [
      weights.headConstants,
      control,
      receipts,
      logits,
      weights.tables,
      weights.embedding,
      x,
      results,
      bests,
    ]);
    this.#feeder = new PromptFeeder(model, buffers, step.layers && [this.#embedNext, ...step.layers]);
    const mappable = USAGE.mapRead | USAGE.copyTarget;
    this.#readback = Array.from({ length: IN_FLIGHT }, () => gpu.buffer('readback', results.size, mappable));
    this.#snapshots = Array.from({ length: IN_FLIGHT }, () => gpu.storage('snapshot', buffers.state.size));
  }

  /** Sequences with states of zero. @throws GpuError; RangeError for a batch that is too large */
  static async create(model: GpuModel, count: number): Promise<GpuSequences> {
    const { gpu, shape, plan } = model;
    const most = manyRows(shape);
    if (!(Number.isInteger(count) && count >= 1 && count <= most)) {
      throw new RangeError(`a batch has 1 to ${most} sequences, not ${count}`);
    }
    const buffers = await gpu.allocating(() => new SequenceBuffers(gpu, shape, count, RESULT_SLOTS));
    const [kernels, step] = await Promise.all([
      runKernels(model),
      count === 1 && fusedKernelsFit(gpu, plan, shape)
        ? SinglePass.create(model, buffers)
        : import('./batch-step.js').then(({ createBatchStep }) => createBatchStep(model, buffers)),
    ]);
    return await gpu.allocating(() => new GpuSequences(model, buffers, step, kernels));
  }

  /** Starts all sequences anew. */
  reset(): void {
    const { gpu } = this.#model;
    const commands = gpu.device.createCommandEncoder();
    commands.clearBuffer(this.#buffers.state);
    gpu.submit(commands);
  }

  /**
   * Feeds tokens to one sequence, as many at a time as fit.
   *
   * @param want receipts of all tokens, receipts with taps, or neither, which saves the head
   * @throws GpuError; RangeError for what is no token
   */
  async feed(
    sequence: number,
    tokens: readonly number[],
    want: Want = 'nothing',
    onToken: (token: FedToken) => void = () => {},
    signal?: AbortSignal,
  ): Promise<void> {
    await this.#feeder.feed(sequence, tokens, want, onToken, signal);
  }

  /**
   * Runs all sequences side by side; yields the tokens of each step. A sequence ends at a token that ends a text, which it still yields, or after
   * its `maxTokens`.
   *
   * @param runs one for each sequence
   * @throws GpuError; RangeError for what is no token
   */
  async *run(runs: readonly SequenceRun[], signal?: AbortSignal): AsyncGenerator<readonly SequenceToken[]> {
    const { shape } = this.#model;
    if (runs.length !== this.count) throw new RangeError(`${runs.length} runs for ${this.count} sequences`);
    for (const [sequence, { prompt, onPrompt }] of runs.entries()) {
      if (prompt.length === 0) throw new RangeError('a prompt has at least one token');
      await this.#feeder.feed(sequence, prompt.slice(0, -1), 'nothing', () => {}, signal, onPrompt);
      checkToken(this.#model, prompt[prompt.length - 1]);
    }
    if (signal?.aborted) return;
    this.#begin(runs);
    const next = runs.map(({ prompt }) => prompt[prompt.length - 1]);
    const chosen = runs.map(() => 0);
    const isOpen = runs.map(({ maxTokens }) => maxTokens > 0);
    let toSubmit = Math.max(...runs.map(({ maxTokens }) => maxTokens));
    const pending: Submission[] = [];
    // Few tokens at first, for a prompt answer.
    let steps = 1;
    let number = 0;
    while (isOpen.some(Boolean)) {
      // One less before there is a first answer, which it would delay.
      const atMost = number > pending.length ? IN_FLIGHT : IN_FLIGHT - 1;
      while (pending.length < atMost && toSubmit > 0) {
        const count = Math.min(steps, toSubmit);
        pending.push(this.#submit(number++, count));
        toSubmit -= count;
        steps = Math.min(2 * steps, RESULT_SLOTS);
      }
      const submission = pending.shift();
      if (submission === undefined) return;
      const results = new Uint32Array(await submission.results);
      const fed: number[][] = runs.map(() => []);
      for (let step = 0; step < submission.steps; step++) {
        const tokens: SequenceToken[] = [];
        for (let sequence = 0; sequence < this.count; sequence++) {
          const at = (sequence * RESULT_SLOTS + ((submission.firstSlot + step) % RESULT_SLOTS)) * RESULT_WORDS;
          if (results[at + 2] === 0) continue;
          const { firstIndex = 0, maxTokens } = runs[sequence];
          const id = results[at];
          fed[sequence].push(next[sequence]);
          next[sequence] = id;
          tokens.push({ sequence, index: firstIndex + chosen[sequence]++, id, receipt: results[at + 1] });
          if (isEnd(shape, id) || chosen[sequence] === maxTokens) isOpen[sequence] = false;
        }
        if (tokens.length === 0) break;
        let wantsMore = false;
        try {
          yield tokens;
          wantsMore = signal?.aborted !== true;
        } finally {
          if (!wantsMore && isOpen.some(Boolean)) await this.#undo(submission, pending, fed);
        }
        if (!wantsMore) return;
      }
    }
    for (const { results } of pending) await results;
  }

  /** Puts all runs into the control blocks, and the first tokens into x. */
  #begin(runs: readonly SequenceRun[]): void {
    const { gpu } = this.#model;
    const { control, receipts } = this.#buffers;
    const words = new Uint32Array(this.count * CONTROL_WORDS);
    runs.forEach(({ prompt, maxTokens, sampler, firstIndex = 0 }, sequence) => {
      const block = words.subarray(sequence * CONTROL_WORDS);
      block[CONTROL.token] = prompt[prompt.length - 1];
      block[CONTROL.index] = firstIndex;
      block[CONTROL.remaining] = maxTokens;
      block[CONTROL.done] = maxTokens > 0 ? 0 : 1;
      block[CONTROL.topK] = sampler.topK;
      block[CONTROL.invTemperature] = sampler.invTemperature;
      block[CONTROL.topP] = sampler.topP;
      block[CONTROL.seedLow] = sampler.seedLow;
      block[CONTROL.seedHigh] = sampler.seedHigh;
    });
    gpu.device.queue.writeBuffer(control, 0, words);
    const commands = gpu.device.createCommandEncoder();
    commands.clearBuffer(receipts);
    const pass = commands.beginComputePass();
    encodeDispatches(pass, [this.#embedNext], 1);
    pass.end();
    gpu.submit(commands);
    this.#slot = 0;
  }

  #submit(number: number, steps: number): Submission {
    const { gpu } = this.#model;
    const { state, results } = this.#buffers;
    const readback = this.#readback[number % IN_FLIGHT];
    const snapshot = this.#snapshots[number % IN_FLIGHT];
    const commands = gpu.device.createCommandEncoder();
    commands.copyBufferToBuffer(state, 0, snapshot, 0, state.size);
    const pass = commands.beginComputePass();
    for (let step = 0; step < steps; step++) {
      this.#step.encode(pass);
      encodeDispatches(pass, [this.#survey, this.#sample], 1);
    }
    pass.end();
    commands.copyBufferToBuffer(results, 0, readback, 0, results.size);
    gpu.submit(commands);
    const firstSlot = this.#slot;
    this.#slot = (this.#slot + steps) % RESULT_SLOTS;
    const answer = gpu.read(readback, results.size);
    // Whoever awaits it gets the error; nobody awaits it after another one.
    answer.catch(() => {});
    return { steps, firstSlot, snapshot, results: answer };
  }

  /** Back to the state after the tokens that the caller has seen the answers to. */
  async #undo(submission: Submission, pending: readonly Submission[], fed: readonly number[][]): Promise<void> {
    const { gpu } = this.#model;
    for (const { results } of pending) await results;
    const commands = gpu.device.createCommandEncoder();
    commands.copyBufferToBuffer(submission.snapshot, 0, this.#buffers.state, 0, this.#buffers.state.size);
    gpu.submit(commands);
    for (const [sequence, tokens] of fed.entries()) await this.feed(sequence, tokens);
  }

  /** Seconds on the GPU of each kernel of one step, or of feeding `tokens`; the state is whatever comes of it. @throws RangeError; GpuError */
  async time(tokens?: readonly number[]): Promise<ReadonlyMap<string, number>> {
    const { gpu } = this.#model;
    if (tokens === undefined)
      return await timeDispatches(gpu, [...this.#step.dispatches, this.#survey, this.#sample], this.count);
    return await this.#feeder.time(tokens);
  }

  async close(): Promise<void> {
    const { gpu } = this.#model;
    await this.#feeder.close();
    this.#step.close();
    this.#buffers.close();
    for (const buffer of [...this.#readback, ...this.#snapshots]) gpu.free(buffer);
  }
}

function surveyGroup({ gpu, plan }: Pick<GpuModel, 'gpu' | 'plan'>): Group {
  return { size: GROUP_SIZE, subgroup: subgroupOf(gpu, plan) };
}

/**
 * Begins to compile what loading a model and a run of one sequence need: first what is needed first, then what takes the longest.
 *
 * @returns when the driver has it all and compiles in its threads
 */
export async function prepareKernels(model: Pick<GpuModel, 'gpu' | 'plan' | 'shape'>): Promise<void> {
  const { gpu, plan, shape } = model;
  const parts: Promise<unknown>[] = [transcodeKernel(gpu)];
  if (fusedKernelsFit(gpu, plan, shape)) parts.push(singleKernels(model));
  parts.push(runKernels(model));
  // What fails here fails again, and is reported, where it is needed.
  for (const part of parts) part.catch(() => {});
  await gpu.kernelsParsed();
}

async function runKernels(model: Pick<GpuModel, 'gpu' | 'plan' | 'shape'>): Promise<RunKernels> {
  const { gpu, shape } = model;
  const [sampleKernel, survey, embedKernel] = await Promise.all([
    gpu.kernel('sample', sample(shape, GROUP_SIZE, RESULT_SLOTS, crcOfZeroWords(shape.vocabSize))),
    gpu.kernel('survey logits', surveyLogits(shape, surveyGroup(model))),
    gpu.kernel('embed next', embedNext(shape, GROUP_SIZE)),
  ]);
  return { survey, sample: sampleKernel, embedNext: embedKernel };
}

interface RunKernels {
  readonly survey: GPUComputePipeline;
  readonly sample: GPUComputePipeline;
  readonly embedNext: GPUComputePipeline;
}

interface Submission {
  readonly steps: number;
  readonly firstSlot: number;
  /** States before it. */
  readonly snapshot: GPUBuffer;
  readonly results: Promise<ArrayBuffer>;
}
