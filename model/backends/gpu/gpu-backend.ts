/** The GPU as a backend: one sequence, same bits as the reference. */
import type { ModelShape } from '../../../protocol/image/model-shape.js';
import type { Backend, GeneratedToken, GenerateRequest, StepRecord } from '../backend.js';
import type { GpuModel } from './gpu-model.js';
import { GpuSequences } from './gpu-sequences.js';

/** Owns the model and its device: closing it frees everything. */
export class GpuBackend implements Backend {
  readonly name = 'gpu';
  readonly shape: ModelShape;
  readonly model: GpuModel;
  readonly #sequence: GpuSequences;

  private constructor(model: GpuModel, sequence: GpuSequences) {
    this.shape = model.shape;
    this.model = model;
    this.#sequence = sequence;
  }

  /** @throws GpuError */
  static async create(model: GpuModel): Promise<GpuBackend> {
    return new GpuBackend(model, await GpuSequences.create(model, 1));
  }

  reset(): Promise<void> {
    this.#sequence.reset();
    return Promise.resolve();
  }

  async replay(
    tokens: readonly number[],
    options: { readonly taps: boolean; readonly signal?: AbortSignal },
    onStep: (record: StepRecord) => void,
  ): Promise<void> {
    await this.#sequence.feed(0, tokens, options.taps ? 'taps' : 'receipts', onStep, options.signal);
  }

  async *generate({ signal, ...run }: GenerateRequest): AsyncGenerator<GeneratedToken> {
    for await (const tokens of this.#sequence.run([run], signal)) {
      for (const { index, id, receipt } of tokens) yield { index, id, receipt };
    }
  }

  async close(): Promise<void> {
    await this.#sequence.close();
    this.model.gpu.destroy();
  }
}
