/**
 * Places for sequences on a GPU: their states side by side, and everything that computes with them, bound once.
 *
 * A sequence keeps its state in a slot. Those that run have the first slots, in any order, because a step computes the
 * first rows; the host moves states between slots as sequences come and go. All of it is in the order of the GPU's
 * queue: nothing here waits for what was submitted before.
 */
import type { Step } from './batch-step.js';
import { encodeDispatches, timeDispatches, type Dispatch } from './device/dispatch.js';
import type { BufferPart } from './device/gpu-device.js';
import { USAGE } from './device/gpu-usage.js';
import type { GpuModel } from './gpu-model.js';
import { fusedKernelsFit } from './kernel-plan.js';
import { CONTROL, CONTROL_WORDS, controlWords, type ControlValues } from './kernels/control.js';
import { surveyWorkgroups } from './kernels/survey-logits.js';
import { PromptFeeder } from './prompt-feeder.js';
import { RESULT_SLOTS, runKernels, surveyGroup, type RunKernels } from './run-kernels.js';
import { SequenceBuffers } from './sequence-buffers.js';
import { SinglePass } from './single-pass.js';
import {
  clearStates,
  copyState,
  neighbours,
  paddedState,
  stateBytes,
  wordsOfState,
  type StatePlace,
} from './state-copies.js';

/** Submissions that the GPU has before it, once a run has begun: with fewer, it waits for the host now and then. */
export const IN_FLIGHT = 3;

/** Those, and the one whose tokens are being read. */
const SNAPSHOTS = IN_FLIGHT + 1;

export class SequencePool {
  readonly capacity: number;
  readonly #model: GpuModel;
  readonly #buffers: SequenceBuffers;
  readonly #feeder: PromptFeeder;
  readonly #single: SinglePass | undefined;
  readonly #embedNext: Dispatch;
  /** From logits to the next token. */
  readonly #choose: readonly Dispatch[];
  /** For batches, by how many rows each is made for; those that are ready. */
  readonly #steps = new Map<number, Step>();
  readonly #coming = new Map<number, Promise<Step>>();
  readonly #readback: readonly GPUBuffer[];
  readonly #snapshots: readonly GPUBuffer[];
  /** Two states, and two control blocks, on their way from one slot to another: a buffer is not copied to itself. */
  readonly #aside: readonly [GPUBuffer, GPUBuffer];
  /** Slots whose states are to be zero before anything is done with one. */
  readonly #toClear = new Set<number>();

  private constructor(model: GpuModel, buffers: SequenceBuffers, kernels: RunKernels, single: SinglePass | undefined) {
    const { gpu, weights, shape } = model;
    const { count, control, receipts, logits, x, results, bests } = buffers;
    this.capacity = count;
    this.#model = model;
    this.#buffers = buffers;
    this.#single = single;
    const perSequence = (
      label: string,
      kernel: GPUComputePipeline,
      parts: readonly (BufferPart | GPUBuffer)[],
    ): Dispatch => ({ label, kernel, bindings: gpu.bind(kernel, parts), workgroups: (rows) => [rows, 1, 1] });
    this.#embedNext = perSequence('embed next', kernels.embedNext, [
      weights.headConstants,
      control,
      weights.embedding,
      x,
    ]);
    const surveys = surveyWorkgroups(shape, surveyGroup(model));
    const survey = {
      label: 'survey logits',
      kernel: kernels.survey,
      bindings: gpu.bind(kernels.survey, [weights.crcFactors, logits, receipts, bests]),
      workgroups: (rows: number) => [surveys, rows, 1] as const,
    };
    const sample = perSequence('sample', kernels.sample, [
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
    this.#choose = [survey, sample];
    this.#feeder = new PromptFeeder(model, buffers, single && [this.#embedNext, ...single.layers]);
    const mappable = USAGE.mapRead | USAGE.copyTarget;
    this.#readback = Array.from({ length: IN_FLIGHT }, () => gpu.buffer('readback', results.size, mappable));
    this.#snapshots = Array.from({ length: SNAPSHOTS }, () => gpu.storage('snapshot', buffers.state.size));
    const aside = (): GPUBuffer => gpu.storage('aside', stateBytes(shape) + 4 * CONTROL_WORDS);
    this.#aside = [aside(), aside()];
  }

  /** Places with states of zero. @throws GpuError */
  static async create(model: GpuModel, capacity: number): Promise<SequencePool> {
    const { gpu, plan, shape } = model;
    const buffers = await gpu.allocating(() => new SequenceBuffers(gpu, shape, capacity, RESULT_SLOTS));
    const [kernels, single] = await Promise.all([
      runKernels(model),
      fusedKernelsFit(gpu, plan, shape) ? SinglePass.create(model, buffers) : undefined,
    ]);
    return await gpu.allocating(() => new SequencePool(model, buffers, kernels, single));
  }

  /** What computes a step of the first rows, if it is compiled; else it is being prepared. */
  step(rows: number): Pick<Step, 'encode' | 'dispatches'> | Promise<unknown> {
    if (rows === 1 && this.#single !== undefined) return this.#single;
    const most = 2 ** Math.ceil(Math.log2(rows));
    const ready = this.#steps.get(most);
    if (ready !== undefined) return ready;
    let coming = this.#coming.get(most);
    if (coming === undefined) {
      coming = this.#makeStep(most);
      // Whoever awaits it gets the error.
      coming.catch(() => {});
      this.#coming.set(most, coming);
    }
    return coming;
  }

  async #makeStep(most: number): Promise<Step> {
    const { createBatchStep } = await import('./batch-step.js');
    const step = await createBatchStep(this.#model, this.#buffers, most);
    this.#steps.set(most, step);
    return step;
  }

  /** For tokens that are given. */
  get feeder(): PromptFeeder {
    this.#clearSlots();
    return this.#feeder;
  }

  /** Where the state of a slot lies. */
  place(slot: number): StatePlace {
    this.#clearSlots();
    return { buffer: this.#buffers.state, count: this.capacity, slot };
  }

  /** Where it lay before the submission of this number. */
  placeBefore(submission: number, slot: number): StatePlace {
    return { buffer: this.#snapshots[submission % SNAPSHOTS], count: this.capacity, slot };
  }

  /** Writes whole control blocks, each at its slot: those side by side at once. */
  control(blocks: ReadonlyMap<number, ControlValues>): void {
    for (const slots of neighbours([...blocks.keys()])) {
      const words = controlWords(slots.map((slot) => blocks.get(slot)!));
      this.#model.gpu.device.queue.writeBuffer(this.#buffers.control, 4 * slots[0] * CONTROL_WORDS, words);
    }
  }

  /** Tells a row that it is at its end. */
  stop(slot: number): void {
    const word = slot * CONTROL_WORDS + CONTROL.done;
    this.#model.gpu.device.queue.writeBuffer(this.#buffers.control, 4 * word, Uint32Array.of(1));
  }

  /**
   * Keeps all states, then computes steps of the first rows, from the tokens in their control blocks on.
   *
   * @param lead after each of so many of them, fewer than all, `steer` writes control blocks: tokens that the next
   * feeds are given, not chosen
   * @returns their results, [slot][RESULT_SLOTS][RESULT_WORDS], of this ring of slots
   */
  submit(
    number: number,
    step: Pick<Step, 'encode'>,
    rows: number,
    steps: number,
    lead: number,
    steer: (done: number) => void,
  ): Promise<ArrayBuffer> {
    const { gpu } = this.#model;
    const { state, results } = this.#buffers;
    const readback = this.#readback[number % IN_FLIGHT];
    let commands = gpu.device.createCommandEncoder();
    this.#encodeClears(commands);
    commands.copyBufferToBuffer(state, 0, this.#snapshots[number % SNAPSHOTS], 0, state.size);
    let pass = commands.beginComputePass();
    for (let k = 0; k < steps; k++) {
      if (k > 0 && k <= lead) {
        // What is written to the queue comes between what is submitted before and after.
        pass.end();
        gpu.submit(commands);
        steer(k);
        commands = gpu.device.createCommandEncoder();
        pass = commands.beginComputePass();
      }
      // Later the sampler has embedded what it chose.
      if (k <= lead) encodeDispatches(pass, [this.#embedNext], rows);
      step.encode(pass, rows);
      encodeDispatches(pass, this.#choose, rows);
    }
    pass.end();
    commands.copyBufferToBuffer(results, 0, readback, 0, results.size);
    gpu.submit(commands);
    const answer = gpu.read(readback, results.size);
    // Whoever awaits it gets the error; nobody awaits it after another one.
    answer.catch(() => {});
    return answer;
  }

  /** Exchanges two slots: states and control blocks. */
  swap(a: number, b: number): void {
    const { gpu, shape } = this.#model;
    const { control } = this.#buffers;
    const block = 4 * CONTROL_WORDS;
    const bytes = stateBytes(shape);
    const commands = gpu.device.createCommandEncoder();
    for (const [index, slot] of [a, b].entries()) {
      copyState(commands, shape, this.place(slot), { buffer: this.#aside[index], count: 1, slot: 0 });
      commands.copyBufferToBuffer(control, slot * block, this.#aside[index], bytes, block);
    }
    for (const [index, slot] of [b, a].entries()) {
      copyState(commands, shape, { buffer: this.#aside[index], count: 1, slot: 0 }, this.place(slot));
      commands.copyBufferToBuffer(this.#aside[index], bytes, control, slot * block, block);
    }
    gpu.submit(commands);
  }

  copy(from: StatePlace, to: StatePlace): void {
    const { gpu, shape } = this.#model;
    const commands = gpu.device.createCommandEncoder();
    copyState(commands, shape, from, to);
    gpu.submit(commands);
  }

  /** Takes all states and control blocks over from a smaller pool. */
  takeOver(other: SequencePool): void {
    const { gpu, shape } = this.#model;
    const commands = gpu.device.createCommandEncoder();
    for (let slot = 0; slot < other.capacity; slot++) copyState(commands, shape, other.place(slot), this.place(slot));
    commands.copyBufferToBuffer(other.#buffers.control, 0, this.#buffers.control, 0, other.#buffers.control.size);
    gpu.submit(commands);
  }

  /** Makes the state of a slot zero, with those of others in one command. */
  clear(slot: number): void {
    this.#toClear.add(slot);
  }

  #clearSlots(): void {
    if (this.#toClear.size === 0) return;
    const { gpu } = this.#model;
    const commands = gpu.device.createCommandEncoder();
    this.#encodeClears(commands);
    gpu.submit(commands);
  }

  #encodeClears(commands: GPUCommandEncoder): void {
    clearStates(commands, this.#model.shape, this.#buffers.state, this.capacity, this.#toClear);
    this.#toClear.clear();
  }

  write(slot: number, words: Int32Array): void {
    const { gpu, shape } = this.#model;
    const [aside] = this.#aside;
    gpu.device.queue.writeBuffer(aside, 0, paddedState(shape, words));
    this.copy({ buffer: aside, count: 1, slot: 0 }, this.place(slot));
  }

  /** The words of a slot as they are now, in the order of the queue. @throws GpuError */
  async read(slot: number): Promise<Int32Array> {
    const { gpu, shape } = this.#model;
    const bytes = stateBytes(shape);
    const readback = gpu.buffer('state', bytes, USAGE.mapRead | USAGE.copyTarget);
    try {
      this.copy(this.place(slot), { buffer: readback, count: 1, slot: 0 });
      return wordsOfState(shape, new Int32Array(await gpu.read(readback, bytes)));
    } finally {
      gpu.free(readback);
    }
  }

  /** Seconds on the GPU of each kernel of a step of so many rows. @throws RangeError; GpuError */
  async time(rows: number): Promise<ReadonlyMap<string, number>> {
    await this.step(rows);
    const step = this.step(rows);
    if (step instanceof Promise) throw new Error('a step that was made is there');
    return await timeDispatches(this.#model.gpu, [...step.dispatches, ...this.#choose], rows);
  }

  async close(): Promise<void> {
    const { gpu } = this.#model;
    await this.#feeder.close();
    this.#single?.close();
    for (const coming of this.#coming.values()) (await coming.catch(() => undefined))?.close();
    this.#buffers.close();
    for (const buffer of [...this.#readback, ...this.#snapshots, ...this.#aside]) gpu.free(buffer);
  }
}
