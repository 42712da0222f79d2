/**
 * A model in training on a GPU: parameters, gradients and moments stay there; a step is some micro-batches and one
 * update.
 */
import { BufferGroup } from '../../backends/gpu/device/buffer-group.js';
import type { GpuDevice } from '../../backends/gpu/device/gpu-device.js';
import type { ModelConfig } from '../../config.js';
import type { Tensors } from '../parameters.js';
import { BitLinearKernels } from './bitlinear-kernels.js';
import type { KernelList } from './kernel-list.js';
import { NO_TARGET } from './kernels/cross-entropy.js';
import type { TileOf } from './matrix/products.js';
import { bufferNeeds } from './product-shapes.js';
import { parameterLayout, type ParameterLayout } from './parameter-layout.js';
import { trainingBuffers, type BatchShape, type TrainingBuffers } from './training-buffers.js';
import { microBatchKernels, preparingKernels, updatingKernels } from './training-kernels.js';
import type { MakeBitLinears, TrainingSetup } from './training-setup.js';

export interface TrainerOptions {
  /** Rows of a micro-batch. */
  readonly batch: BatchShape;
  /** Targets of a whole step, over which the loss is the mean. */
  readonly targets: number;
  /** What decays: matrices (the embedding among them), or all. */
  readonly decayed: 'matrices' | 'all';
  /** Memory for logits: those of so many rows are there at a time. */
  readonly logitBytes?: number;
  /** How products go through matrix units (default: none does). */
  readonly tileOf?: TileOf;
  /** What BitLinears are made of (default: {@link BitLinearKernels}). */
  readonly bitLinears?: MakeBitLinears;
}

/** One update by AdamW. */
export interface AdamWStep {
  readonly rate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly decay: number;
  /** Largest norm of all gradients. */
  readonly clip: number;
  /** Counted from 1. */
  readonly step: number;
}

/** Moves no parameter, only moments, and takes as long as one that does. */
export const STANDSTILL: AdamWStep = {
  rate: 0,
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  decay: 0,
  clip: 1,
  step: 1,
};

export interface StepReport {
  /** Mean cross-entropy in nats. */
  readonly loss: number;
  /** Euclidean norm of all gradients, before it is clipped. */
  readonly gradientNorm: number;
}

/** What a run is resumed with: parameters and both moments, in the order of the layout. */
export interface TrainerState {
  readonly parameters: Float32Array<ArrayBuffer>;
  readonly first: Float32Array<ArrayBuffer>;
  readonly second: Float32Array<ArrayBuffer>;
}

const REPORT_BYTES = 8;
/** Bytes that are read back at a time. */
const READ_BYTES = 64 << 20;

export class Trainer {
  readonly layout: ParameterLayout;
  /** For whoever looks inside: tests, measurements. */
  readonly buffers: TrainingBuffers;
  readonly #gpu: GpuDevice;
  readonly #vocabulary: number;
  readonly #microBatch: KernelList;
  readonly #preparing: KernelList;
  readonly #updating: KernelList;
  readonly #own: BufferGroup;

  private constructor(setup: TrainingSetup, decayed: number) {
    this.#own = setup.own;
    this.layout = setup.layout;
    this.#gpu = setup.gpu;
    this.#vocabulary = setup.config.vocabSize;
    this.buffers = setup.buffers;
    this.#microBatch = microBatchKernels(setup);
    this.#preparing = preparingKernels(setup);
    this.#updating = updatingKernels(setup, decayed);
  }

  /** The caller frees it, or the device. @throws GpuError */
  static async create(gpu: GpuDevice, config: ModelConfig, options: TrainerOptions): Promise<Trainer> {
    const layout = parameterLayout(config);
    const { batch, targets, decayed, logitBytes, tileOf = () => undefined } = options;
    const { bitLinears = (...of) => new BitLinearKernels(...of) } = options;
    const needs = bufferNeeds(config, batch, tileOf, logitBytes);
    const own = new BufferGroup(gpu);
    const buffers = await gpu.allocating(() => trainingBuffers(own, config, layout, batch, needs));
    const setup = { gpu, own, config, layout, batch, buffers, ...needs, weight: 1 / targets, tileOf, bitLinears };
    const trainer = new Trainer(setup, decayed === 'all' ? layout.total : layout.matrices);
    await Promise.all([trainer.#microBatch.ready(), trainer.#preparing.ready(), trainer.#updating.ready()]);
    return trainer;
  }

  /** Frees all buffers; nothing else may be called behind it. */
  free(): void {
    this.#own.free();
  }

  /** Bytes of everything on the GPU. */
  get allocatedBytes(): number {
    return this.#gpu.allocatedBytes;
  }

  get microBatchKernels(): KernelList {
    return this.#microBatch;
  }

  /** Takes these parameters, with moments of zero. */
  load(tensors: Tensors): void {
    const zeros = new Float32Array(this.layout.total);
    const parameters = new Float32Array(this.layout.total);
    for (const [name, { offset }] of this.layout.places) parameters.set(tensors.get(name) ?? [], offset);
    this.restore({ parameters, first: zeros, second: zeros });
  }

  restore({ parameters, first, second }: TrainerState): void {
    const { queue } = this.#gpu.device;
    queue.writeBuffer(this.buffers.parameters, 0, parameters);
    queue.writeBuffer(this.buffers.first, 0, first);
    queue.writeBuffer(this.buffers.second, 0, second);
    const commands = this.#gpu.device.createCommandEncoder();
    this.#preparing.encode(commands);
    this.#gpu.submit(commands);
  }

  /** Begins a step: no gradients, no loss. */
  begin(): void {
    const commands = this.#gpu.device.createCommandEncoder();
    commands.clearBuffer(this.buffers.gradient);
    commands.clearBuffer(this.buffers.report);
    this.#gpu.submit(commands);
  }

  /**
   * Adds loss and gradients of a micro-batch.
   *
   * @param ids [sequences][length]
   * @param targets [sequences][length] of each row; −1: none
   */
  microBatch(ids: Uint32Array<ArrayBuffer>, targets: Int32Array): void {
    const { queue } = this.#gpu.device;
    const { order, runs } = sortedByToken(ids, this.#vocabulary);
    queue.writeBuffer(this.buffers.ids, 0, ids);
    queue.writeBuffer(
      this.buffers.targets,
      0,
      Uint32Array.from(targets, (id) => (id < 0 ? NO_TARGET : id)),
    );
    queue.writeBuffer(this.buffers.order, 0, order);
    queue.writeBuffer(this.buffers.runs, 0, runs);
    const commands = this.#gpu.device.createCommandEncoder();
    commands.clearBuffer(this.buffers.dBounds);
    commands.clearBuffer(this.buffers.tops);
    this.#microBatch.encode(commands);
    this.#gpu.submit(commands);
  }

  /** Ends a step: moves the parameters. The report comes when the GPU is there. */
  update({ rate, beta1, beta2, epsilon, decay, clip, step }: AdamWStep): Promise<StepReport> {
    const corrections = [1 - beta1 ** step, 1 - beta2 ** step];
    const words = Float32Array.of(rate, beta1, beta2, epsilon, decay, clip, ...corrections);
    this.#gpu.device.queue.writeBuffer(this.buffers.step, 0, words);
    const commands = this.#gpu.device.createCommandEncoder();
    this.#updating.encode(commands);
    this.#preparing.encode(commands);
    this.#gpu.submit(commands);
    return this.#report();
  }

  async #report(): Promise<StepReport> {
    const [loss, gradientNorm] = new Float32Array(await this.#gpu.copied(this.buffers.report, REPORT_BYTES));
    return { loss, gradientNorm };
  }

  /** The loss of the micro-batches since `begin`. */
  async loss(): Promise<number> {
    return (await this.#report()).loss;
  }

  /** Of the micro-batches since `begin`. */
  async gradients(): Promise<Tensors> {
    return this.#tensors(await this.#floats(this.buffers.gradient));
  }

  async parameters(): Promise<Tensors> {
    return this.#tensors(await this.#floats(this.buffers.parameters));
  }

  async state(): Promise<TrainerState> {
    return {
      parameters: await this.#floats(this.buffers.parameters),
      first: await this.#floats(this.buffers.first),
      second: await this.#floats(this.buffers.second),
    };
  }

  #tensors(values: Float32Array): Tensors {
    return new Map(
      [...this.layout.places].map(([name, { offset, length }]) => [name, values.subarray(offset, offset + length)]),
    );
  }

  async #floats(buffer: GPUBuffer): Promise<Float32Array<ArrayBuffer>> {
    const values = new Float32Array(this.layout.total);
    const all = new Uint8Array(values.buffer);
    for (let offset = 0; offset < all.length; offset += READ_BYTES) {
      const bytes = Math.min(READ_BYTES, all.length - offset);
      all.set(new Uint8Array(await this.#gpu.copied(buffer, bytes, offset)), offset);
    }
    return values;
  }
}

/**
 * The rows of a batch in the order of their tokens, and where those of each token begin and end; as many places as
 * there can be tokens.
 */
function sortedByToken(
  ids: Uint32Array,
  vocabulary: number,
): { readonly order: Uint32Array<ArrayBuffer>; readonly runs: Uint32Array<ArrayBuffer> } {
  const ends = new Uint32Array(vocabulary + 1);
  for (const id of ids) ends[id + 1]++;
  for (let id = 0; id < vocabulary; id++) ends[id + 1] += ends[id];
  // Until all rows have their places: where the next one of each token goes.
  const next = ends.slice();
  const order = new Uint32Array(ids.length);
  for (let row = 0; row < ids.length; row++) order[next[ids[row]]++] = row;
  const runs = new Uint32Array(4 * Math.min(ids.length, vocabulary));
  let at = 0;
  for (let id = 0; id < vocabulary; id++) {
    if (ends[id] < ends[id + 1]) runs.set([id, ends[id], ends[id + 1]], 4 * at++);
  }
  return { order, runs };
}
