/**
 * Tokens that are given, not chosen: prompts, and what is replayed to be checked. Many at a time go through the kernels
 * for rows, which are compiled when they are needed first; a few go through the kernels for a single step, where those
 * are there.
 */
import { encodeDispatches, timeDispatches, type Dispatch } from './device/dispatch.js';
import type { GpuModel } from './gpu-model.js';
import { USAGE } from './device/gpu-usage.js';
import { CONTROL, CONTROL_WORDS } from './kernels/control.js';
import { FEW_ROWS, manyRows, RowBuffers } from './row-buffers.js';
import type { RowPass, RowPassOptions } from './row-pass.js';
import type { StepRecord, Want } from '../../machine/machine.js';
import type { SequenceBuffers } from './sequence-buffers.js';

/** Tokens that were fed together. */
export interface FedChunk {
  readonly count: number;
  /** One for each, where something is wanted. */
  readonly records: readonly StepRecord[];
}

/** Tokens that are fed one by one where that is possible. */
const SINGLY_MOST = 16;

/** Kernels for rows, bound to buffers for a number of them. */
interface RowFeeder {
  readonly rows: RowBuffers;
  readonly pass: RowPass;
  readonly records: GPUBuffer;
}

export class PromptFeeder {
  readonly #model: GpuModel;
  readonly #buffers: SequenceBuffers;
  readonly #singly: readonly Dispatch[] | undefined;
  readonly #feeders = new Map<string, Promise<RowFeeder>>();
  readonly #rows = new Map<number, RowBuffers>();

  /**
   * @param singly a step of the only sequence, from the token in its control block to its state; absent if there is
   * none
   */
  constructor(model: GpuModel, buffers: SequenceBuffers, singly: readonly Dispatch[] | undefined) {
    this.#model = model;
    this.#buffers = buffers;
    this.#singly = singly;
  }

  /**
   * Feeds the first of some tokens, as many as fit at a time.
   *
   * @param slot of the sequence, asked when it is needed: sequences move
   * @param before called with commands that come before the tokens
   * @throws GpuError
   */
  async feed(
    slot: () => number,
    tokens: readonly number[],
    want: Exclude<Want, 'logits'>,
    before: (commands: GPUCommandEncoder) => void = () => {},
  ): Promise<FedChunk> {
    const { gpu } = this.#model;
    const { rows, pass, records } = await this.#rowFeeder(tokens.length, want);
    const chunk = tokens.slice(0, rows.capacity);
    gpu.device.queue.writeBuffer(rows.size, 0, new Uint32Array([chunk.length, slot(), 0, 0]));
    gpu.device.queue.writeBuffer(rows.tokens, 0, new Uint32Array(chunk));
    const commands = gpu.device.createCommandEncoder();
    before(commands);
    commands.clearBuffer(rows.receipts);
    const compute = commands.beginComputePass();
    pass.encode(compute, chunk.length);
    compute.end();
    if (want !== 'nothing') {
      commands.copyBufferToBuffer(rows.receipts, 0, records, 0, rows.receipts.size);
      commands.copyBufferToBuffer(rows.taps, 0, records, rows.receipts.size, rows.taps.size);
    }
    gpu.submit(commands);
    if (want !== 'nothing') {
      return { count: chunk.length, records: this.#records(chunk, await gpu.read(records, records.size), want) };
    }
    if (chunk.length < tokens.length) await gpu.idle();
    return { count: chunk.length, records: [] };
  }

  /**
   * Whether so many tokens go through the kernels of a single step, where the sequence has the first slot and no run is
   * under way.
   */
  isFedSingly(tokens: number): boolean {
    return this.#singly !== undefined && tokens <= SINGLY_MOST;
  }

  /**
   * A few tokens, one after the other: the kernels are there already, while those for rows would have to be compiled.
   */
  feedSingly(tokens: readonly number[]): void {
    const { gpu } = this.#model;
    const dispatches = this.#singly ?? [];
    const block = new Uint32Array(CONTROL_WORDS);
    for (const token of tokens) {
      block[CONTROL.token] = token;
      gpu.device.queue.writeBuffer(this.#buffers.control, 0, block);
      const commands = gpu.device.createCommandEncoder();
      const pass = commands.beginComputePass();
      encodeDispatches(pass, dispatches, 1);
      pass.end();
      gpu.submit(commands);
    }
  }

  /** What feeds so many tokens, or the first of them. */
  #rowFeeder(tokens: number, want: Exclude<Want, 'logits'>): Promise<RowFeeder> {
    const capacity = tokens <= FEW_ROWS ? FEW_ROWS : manyRows(this.#model.shape);
    const key = `${capacity} ${want}`;
    let feeder = this.#feeders.get(key);
    if (feeder === undefined) {
      feeder = this.#makeFeeder(capacity, want);
      this.#feeders.set(key, feeder);
    }
    return feeder;
  }

  async #makeFeeder(capacity: number, want: Exclude<Want, 'logits'>): Promise<RowFeeder> {
    const { gpu, shape } = this.#model;
    const rows = this.#rows.get(capacity) ?? (await gpu.allocating(() => new RowBuffers(gpu, shape, capacity)));
    this.#rows.set(capacity, rows);
    const options: RowPassOptions = { mode: 'tokens', head: want !== 'nothing', taps: want === 'taps' };
    // What is fed singly does without them.
    const { RowPass } = await import('./row-pass.js');
    const pass = await RowPass.create(this.#model, this.#buffers, rows, options);
    const records = gpu.buffer('records', rows.receipts.size + rows.taps.size, USAGE.mapRead | USAGE.copyTarget);
    return { rows, pass, records };
  }

  #records(chunk: readonly number[], records: ArrayBuffer, want: 'receipts' | 'taps'): StepRecord[] {
    const { shape, receiptOfZeros, tapOfZeros } = this.#model;
    const words = new Uint32Array(records);
    const capacity = words.length / (shape.layers + 2);
    return chunk.map((token, row) => {
      const receipt = (words[row] ^ receiptOfZeros) >>> 0;
      if (want === 'receipts') return { token, receipt };
      const taps = Array.from(
        { length: shape.layers + 1 },
        (_, tap) => (words[capacity * (1 + tap) + row] ^ tapOfZeros) >>> 0,
      );
      return { token, receipt, taps };
    });
  }

  /** Seconds on the GPU of each kernel for so many rows, up to their capacity. @throws RangeError; GpuError */
  async time(tokens: readonly number[]): Promise<ReadonlyMap<string, number>> {
    const { rows, pass } = await this.#rowFeeder(tokens.length, 'nothing');
    // So that buffers hold what is plausible.
    await this.feed(() => 0, tokens, 'nothing');
    return await timeDispatches(this.#model.gpu, pass.dispatches, Math.min(tokens.length, rows.capacity));
  }

  async close(): Promise<void> {
    const { gpu } = this.#model;
    for (const feeder of this.#feeders.values()) {
      const { pass, records } = await feeder;
      pass.close();
      gpu.free(records);
    }
    for (const rows of this.#rows.values()) rows.close();
  }
}
