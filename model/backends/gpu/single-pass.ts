/**
 * One token of one sequence: four fused kernels a layer, the head, the sampler. The shortest way to the next token.
 */
import { encodeDispatches, type Dispatch } from './device/dispatch.js';
import type { GpuDevice } from './device/gpu-device.js';
import type { GpuModel } from './gpu-model.js';
import { dealFor } from './kernel-plan.js';
import { gluOutput, mixOutput } from './kernels/add-output.js';
import { unitsPerWorkgroup, type RowDeal } from './kernels/products/fused-product.js';
import { gluInput } from './kernels/glu.js';
import { head } from './kernels/head.js';
import { LAYER_GROUP, scratchLayout, SEQUENCE_GROUP } from './kernels/layer-bindings.js';
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
  static async create(model: GpuModel, buffers: SequenceBuffers): Promise<SinglePass> {
    const { gpu, shape, weights } = model;
    const { hiddenSize, intermediateSize, vocabSize } = shape;
    const kernels = await singleKernels(model);
    const { deals, layerGroup, sequenceGroup } = kernels;
    const { x, control, logits } = buffers;
    const between = gpu.storage('scratch', 16 * scratchLayout(shape).words);
    const sequence = gpu.bindTo(sequenceGroup, [weights.tables, x, between, control]);
    const workgroupsFor = (units: number, deal: RowDeal): Pick<Dispatch, 'workgroups'> => {
      const workgroups = [Math.ceil(units / unitsPerWorkgroup(deal)), 1, 1] as const;
      return { workgroups: () => workgroups };
    };
    const ofLayer = [
      { label: 'mix tokens', kernel: kernels.mix, ...workgroupsFor(hiddenSize, deals.mix) },
      { label: 'mix output', kernel: kernels.mixOutput, ...workgroupsFor(hiddenSize, deals.mix) },
      { label: 'GLU input', kernel: kernels.glu, ...workgroupsFor(intermediateSize, deals.glu) },
      { label: 'GLU output', kernel: kernels.gluOutput, ...workgroupsFor(hiddenSize, deals.gluOutput) },
    ];
    const { headConstants, headVectors } = weights;
    const dispatches = [
      ...weights.layers.flatMap(({ constants, vectors, all }, l) => {
        const bindings = gpu.bindTo(layerGroup, [constants, vectors, all, buffers.stateOf(l)]);
        return ofLayer.map((kernel) => ({ ...kernel, bindings, sequence }));
      }),
      {
        label: 'head',
        kernel: kernels.head,
        bindings: gpu.bind(kernels.head, [headConstants, headVectors, weights.head, x, logits]),
        ...workgroupsFor(vocabSize, deals.head),
      },
    ];
    return new SinglePass(gpu, dispatches, [between]);
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

/** What a step of one sequence runs on. Calling it early compiles it early. @throws GpuError */
export async function singleKernels({
  gpu,
  plan,
  shape,
}: Pick<GpuModel, 'gpu' | 'plan' | 'shape'>): Promise<SingleKernels> {
  const { hiddenSize, intermediateSize, vocabSize } = shape;
  const deals = {
    mix: dealFor(gpu, plan, hiddenSize, hiddenSize),
    glu: dealFor(gpu, plan, hiddenSize, intermediateSize),
    gluOutput: dealFor(gpu, plan, intermediateSize, hiddenSize),
    head: dealFor(gpu, plan, hiddenSize, vocabSize),
  };
  const layerGroup = gpu.groupLayout(LAYER_GROUP);
  const sequenceGroup = gpu.groupLayout(SEQUENCE_GROUP);
  const layout = gpu.device.createPipelineLayout({ bindGroupLayouts: [layerGroup, sequenceGroup] });
  const [mix, mixOut, glu, gluOut, headKernel] = await Promise.all([
    gpu.kernel('mix tokens', mixTokens(shape, deals.mix), layout),
    gpu.kernel('mix output', mixOutput(shape, deals.mix), layout),
    gpu.kernel('GLU input', gluInput(shape, deals.glu), layout),
    gpu.kernel('GLU output', gluOutput(shape, deals.gluOutput), layout),
    gpu.kernel('head', head(shape, deals.head)),
  ]);
  return { deals, layerGroup, sequenceGroup, mix, mixOutput: mixOut, glu, gluOutput: gluOut, head: headKernel };
}

interface SingleKernels {
  readonly deals: Readonly<Record<'mix' | 'glu' | 'gluOutput' | 'head', RowDeal>>;
  readonly layerGroup: GPUBindGroupLayout;
  readonly sequenceGroup: GPUBindGroupLayout;
  readonly mix: GPUComputePipeline;
  readonly mixOutput: GPUComputePipeline;
  readonly glu: GPUComputePipeline;
  readonly gluOutput: GPUComputePipeline;
  readonly head: GPUComputePipeline;
}
