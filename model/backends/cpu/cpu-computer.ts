/** The memory of a model on the processor, and steps in it. Lives in the first thread. */
import { embeddingStride } from '../../../protocol/image/model-shape.js';
import { sectionLengths } from '../../../protocol/image/tensors.js';
import type { SamplerSettings } from '../../../protocol/sampling.js';
import { candidatesNeeded } from '../../integer/sampler.js';
import type { LogitsArray } from './cpu-messages.js';
import type { ModelMemory, ReadSection } from './image-loader.js';
import { FAMILIES, instantiate, type KernelFamily, type KernelModules, type Kernels } from './kernels.js';
import * as layout from './layout.js';
import { PAGE_BYTES, writeModel, type MemoryPlan } from './memory-plan.js';

/** One token that a step feeds. */
export interface StepRow {
  readonly token: number;
  /** Addresses of states. */
  readonly from: number;
  readonly to: number;
  readonly wantsLogits: boolean;
  readonly wantsTaps: boolean;
  readonly sampler?: SamplerSettings | undefined;
  /** Index of the draw. */
  readonly draw: number;
}

const ROW_WORDS = layout.ROW_BYTES / 4;
/**
 * An embedding of this size is kept in memory: reading a row of a file costs 3 µs, which only small models would
 * notice.
 */
const KEPT_BYTES = 2 ** 22;

export class CpuComputer {
  readonly plan: MemoryPlan;
  readonly memory: WebAssembly.Memory;
  readonly #kernels: ReadonlyMap<KernelFamily, Kernels>;
  #present: Kernels;
  #words: Uint32Array;
  /** What the rows of a step have of the embedding. */
  readonly #embeddingRows: readonly Uint8Array[];
  #read: ReadSection = () => {};
  #threads = 1;
  /** End of what is used of the heap, and states that are free. */
  #heap: number;

  /** @param memory that `loadMatrices` fills @param modules of one family at least */
  constructor({ plan, memory }: Pick<ModelMemory, 'plan' | 'memory'>, modules: KernelModules, family: KernelFamily) {
    this.plan = plan;
    this.memory = memory;
    this.#kernels = instantiate(modules, memory);
    this.#words = new Uint32Array(this.memory.buffer);
    this.#heap = plan.heap;
    const stride = embeddingStride(plan.shape);
    this.#embeddingRows = Array.from({ length: layout.MAX_ROWS }, (_, row) => {
      return new Uint8Array(memory.buffer, plan.embedding + row * plan.embeddingStride, stride);
    });
    this.#present = this.#use(family);
  }

  get threads(): number {
    return this.#threads;
  }

  /** Threads that are there, this one counted. */
  get listening(): number {
    return 1 + Atomics.load(this.#words, layout.LISTENING >> 2);
  }

  /** @param threads at most those that are there */
  configure(family: KernelFamily, threads: number): void {
    this.#present = this.#use(family);
    this.#threads = threads;
  }

  #use(family: KernelFamily): Kernels {
    const kernels = this.#kernels.get(family);
    if (kernels === undefined) throw new RangeError(`there are no kernels ${family}`);
    this.#words[layout.KERNELS >> 2] = FAMILIES.indexOf(family);
    return kernels;
  }

  /**
   * Brings in what `loadMatrices` leaves out: tables and vectors, and what is where. The embedding stays where it is,
   * unless it is small: a step needs a kilobyte of it for each row.
   */
  load(read: ReadSection): void {
    const lengths = sectionLengths(this.plan.shape);
    this.#read = lengths.embedding > KEPT_BYTES ? read : keeping('embedding', lengths.embedding, read);
    const section = (name: 'tables' | 'vectors'): Uint8Array => {
      const into = new Uint8Array(lengths[name]);
      read(name, 0, into);
      return into;
    };
    const sections = { tables: section('tables'), vectors: section('vectors') };
    writeModel(new Uint8Array(this.memory.buffer), this.plan, sections);
  }

  /** Room for states, all zero. @throws RangeError if there is none */
  allocate(bytes: number): number {
    const address = this.#heap;
    const end = address + bytes;
    const missing = end - this.memory.buffer.byteLength;
    if (missing > 0) {
      this.memory.grow(Math.ceil(missing / PAGE_BYTES));
      this.#words = new Uint32Array(this.memory.buffer);
    }
    this.#heap = end;
    return address;
  }

  /** A state as others know it: [L][H] int32. */
  readState(address: number): Int32Array<ArrayBuffer> {
    const { layers, hiddenSize } = this.plan.shape;
    const words = new Int32Array(layers * hiddenSize);
    for (let l = 0; l < layers; l++) words.set(this.#stateOf(address, l), l * hiddenSize);
    return words;
  }

  writeState(address: number, words: Int32Array): void {
    const { layers, hiddenSize } = this.plan.shape;
    for (let l = 0; l < layers; l++) {
      this.#stateOf(address, l).set(words.subarray(l * hiddenSize, (l + 1) * hiddenSize));
    }
  }

  clearState(address: number): void {
    this.#words.fill(0, address >> 2, (address + this.plan.stateBytes) >> 2);
  }

  #stateOf(address: number, layer: number): Int32Array {
    const { hiddenSize } = this.plan.shape;
    return new Int32Array(this.memory.buffer, address + layer * 4 * 8 * Math.ceil(hiddenSize / 8), hiddenSize);
  }

  /** Feeds one token for each row, 1 … MAX_ROWS of them; those of one sequence in order. */
  step(rows: readonly StepRow[]): void {
    const words = this.#words;
    let heads = 0;
    for (const [index, row] of rows.entries()) {
      this.#read('embedding', row.token * this.#embeddingRows[index].length, this.#embeddingRows[index]);
      const at = (this.plan.rowTable >> 2) + index * ROW_WORDS;
      words[at + layout.ROW_STATE_IN / 4] = row.from;
      words[at + layout.ROW_STATE_OUT / 4] = row.to;
      words[at + layout.ROW_HEAD / 4] = row.wantsLogits ? heads++ : -1;
      words[at + layout.ROW_TAPS / 4] = row.wantsTaps ? this.#tapsOf(index) : 0;
      words[at + layout.ROW_CANDIDATES / 4] = row.sampler === undefined ? 0 : candidatesNeeded(row.sampler);
      if (row.sampler !== undefined) {
        words[at + layout.ROW_INV_TEMPERATURE / 4] = row.sampler.invTemperature;
        words[at + layout.ROW_TOP_P / 4] = row.sampler.topP;
        words[at + layout.ROW_SEED_LOW / 4] = row.sampler.seedLow;
        words[at + layout.ROW_SEED_HIGH / 4] = row.sampler.seedHigh;
        words[at + layout.ROW_DRAW / 4] = row.draw;
      }
    }
    words[layout.ROWS >> 2] = rows.length;
    words[layout.HEAD_ROWS >> 2] = heads;
    words[layout.THREADS >> 2] = this.#threads;
    this.#present.step();
  }

  receiptOf(row: number): number {
    return this.#words[(this.plan.rowTable >> 2) + row * ROW_WORDS + layout.ROW_RECEIPT / 4];
  }

  chosenBy(row: number): number {
    return this.#words[(this.plan.rowTable >> 2) + row * ROW_WORDS + layout.ROW_CHOSEN / 4];
  }

  tapsOf(row: number): number[] {
    const at = this.#tapsOf(row) >> 2;
    return Array.from(this.#words.subarray(at, at + this.plan.shape.layers + 1));
  }

  /** A copy of a row's logits. @param into where it is made; a new array unless given */
  logitsOf(row: number, into: LogitsArray = new Int32Array(this.plan.shape.vocabSize)): LogitsArray {
    const head = this.#words[(this.plan.rowTable >> 2) + row * ROW_WORDS + layout.ROW_HEAD / 4];
    const at = this.plan.logits + head * this.plan.logitsStride;
    into.set(new Int32Array(this.memory.buffer, at, this.plan.shape.vocabSize));
    return into;
  }

  #tapsOf(row: number): number {
    return this.plan.taps + 4 * row * (this.plan.shape.layers + 1);
  }
}

/** As `read`, with a section in memory. */
function keeping(kept: 'embedding', length: number, read: ReadSection): ReadSection {
  const bytes = new Uint8Array(length);
  read(kept, 0, bytes);
  return (section, offset, into) => {
    if (section === kept) into.set(bytes.subarray(offset, offset + into.length));
    else read(section, offset, into);
  };
}
