/**
 * The kernels on the calling thread, a token at a time: for boards, which compute between two looks at their lines, and
 * cannot wait for a thread.
 *
 * No helper threads: a board has one state, and its steps are short.
 */
import type { ModelShape } from '../../../protocol/image/model-shape.js';
import { CpuComputer } from './cpu-computer.js';
import { loadMatrices, memoryFor, type ReadSection } from './image-loader.js';
import type { KernelModules } from './kernels.js';

/** What computes: the first family. */
export interface CpuModules extends KernelModules {
  /** The module `transcode`, as it is in its file. */
  readonly transcoder: Uint8Array<ArrayBuffer>;
}

export class CpuModel {
  readonly #computer: CpuComputer;
  readonly #state: number;

  /** Loads a model from sections that were checked. @throws CpuError; what `read` throws */
  constructor(shape: ModelShape, { transcoder, ...kernels }: CpuModules, read: ReadSection) {
    const memory = memoryFor(shape, transcoder);
    const [family] = kernels.products.keys();
    this.#computer = new CpuComputer(memory, kernels, family);
    this.#computer.load(read);
    loadMatrices(memory, read);
    this.#state = this.#computer.allocate(this.#computer.plan.stateBytes);
  }

  get shape(): ModelShape {
    return this.#computer.plan.shape;
  }

  /** V × int32 of the last step that wanted them: a copy. */
  get logits(): Int32Array {
    return this.#computer.logitsOf(0);
  }

  /** Feeds a token; unless `wantLogits` is false, `logits` are those after it. */
  step(token: number, wantLogits = true): void {
    this.#step(token, wantLogits, false);
  }

  /** As `step`; CRC-32 of the residual after the embedding and after each layer. */
  stepWithTaps(token: number): Uint32Array {
    this.#step(token, true, true);
    return Uint32Array.from(this.#computer.tapsOf(0));
  }

  /** CRC-32 of the logits. */
  receipt(): number {
    return this.#computer.receiptOf(0);
  }

  reset(): void {
    this.#computer.clearState(this.#state);
  }

  /** L × H × int32, a copy. */
  readState(): Int32Array {
    return this.#computer.readState(this.#state);
  }

  /** @param words of a state that is possible */
  writeState(words: Int32Array): void {
    this.#computer.writeState(this.#state, words);
  }

  #step(token: number, wantsLogits: boolean, wantsTaps: boolean): void {
    this.#computer.step([{ token, from: this.#state, to: this.#state, wantsLogits, wantsTaps, draw: 0 }]);
  }
}
