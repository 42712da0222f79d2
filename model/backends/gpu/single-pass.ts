/**
 * One token of one sequence: four fused kernels a layer, the head, the sampler. The shortest way to the next token.
 */
import { encodeDispatches, type Dispatch } from './dispatch.js';
import type { GpuDevice } from './gpu-device.js';
import type { GpuModel } from './gpu-model.js';
import { dealFor } from './kernel-plan.js';
import { gluOutput, mixOutput } from './kernels/add-output.js';
import { rowSize } from './kernels/arithmetic.js';
import { unitsPerWorkgroup, type RowDeal } from './kernels/fused-product.js';
import { gluInput } from './kernels/glu.js';
import { head } from './kernels/head.js';
import { mixTokens } from './kernels/mix-tokens.js';
import type { SequenceBuffers } from './sequence-buffers.js';

/** The first sequence of `buffers`, with everything bound once. */
export class SinglePass {
  /** In order. */
  readonly dispatches: readonly Dispatch[];
  readonly #own: readonly GPUBuffer[];
  readonly #gpu: GpuDevice;

  private constructor(gpu: GpuDevice, dispatches: readonly Dispatch[], own: readonly GPUBuffer[]) {
    this.#gpu = gpu;
    this.dispatches = dispatches;
    this.#own = own;
  }

  /** @throws GpuError */
  static async create({ gpu, plan, shape, weights }: GpuModel, buffers: SequenceBuffers): Promise<SinglePass> {
    const { tables } = weights;
    const { hiddenSize, intermediateSize, vocabSize } = shape;
    const deals = {
      mix: dealFor(gpu, plan, hiddenSize, hiddenSize),
      glu: dealFor(gpu, plan, hiddenSize, intermediateSize),
      gluOutput: dealFor(gpu, plan, intermediateSize, hiddenSize),
      head: dealFor(gpu, plan, hiddenSize, vocabSize),
    };
    const [mix, mixOut, glu, gluOut, logitKernel] = await Promise.all([
      gpu.kernel('mix tokens', mixTokens(shape, deals.mix)),
      gpu.kernel('mix output', mixOutput(shape, deals.mix)),
      gpu.kernel('GLU input', gluInput(shape, deals.glu)),
      gpu.kernel('GLU output', gluOutput(shape, deals.gluOutput)),
      gpu.kernel('head', head(shape, deals.head)),
    ]);
    const { x, control, logits } = buffers;
    const mixed = gpu.storage('mixed', 16 * rowSize(hiddenSize).words);
    const gates = gpu.storage('gates', 16 * rowSize(hiddenSize).words);
    const products = gpu.storage('GLU products', 16 * rowSize(intermediateSize).words);
    const dispatch = (
      label: string,
      kernel: GPUComputePipeline,
      units: number,
      deal: RowDeal,
      parts: Parameters<GpuDevice['bind']>[1],
    ): Dispatch => {
      const workgroups = [Math.ceil(units / unitsPerWorkgroup(deal)), 1, 1] as const;
      return { label, kernel, bindings: gpu.bind(kernel, parts), workgroups: () => workgroups };
    };
    const dispatches = [
      ...weights.layers.flatMap(({ constants, vectors, ...matrices }, l) => [
        dispatch('mix tokens', mix, hiddenSize, deals.mix, [
          constants,
          vectors,
          matrices.mix,
          tables,
          x,
          buffers.stateOf(l),
          mixed,
          gates,
          control,
        ]),
        dispatch('mix output', mixOut, hiddenSize, deals.mix, [
          constants,
          vectors,
          matrices.mixOutput,
          mixed,
          x,
          gates,
        ]),
        dispatch('GLU input', glu, intermediateSize, deals.glu, [
          constants,
          vectors,
          matrices.glu,
          tables,
          x,
          products,
        ]),
        dispatch('GLU output', gluOut, hiddenSize, deals.gluOutput, [
          constants,
          vectors,
          matrices.gluOutput,
          products,
          x,
        ]),
      ]),
      dispatch('head', logitKernel, vocabSize, deals.head, [
        weights.headConstants,
        weights.headVectors,
        weights.head,
        x,
        logits,
      ]),
    ];
    return new SinglePass(gpu, dispatches, [mixed, gates, products]);
  }

  /** Without the head: for tokens after which nobody wants to know the logits. */
  get layers(): readonly Dispatch[] {
    return this.dispatches.slice(0, -1);
  }

  /** From the embedding in x to logits. */
  encode(pass: GPUComputePassEncoder): void {
    encodeDispatches(pass, this.dispatches, 1);
  }

  close(): void {
    for (const buffer of this.#own) this.#gpu.free(buffer);
  }
}
