/**
 * Many rows at once: the tokens of a prompt, or one token of each sequence of a batch. Weights are read once for all
 * rows.
 *
 * Eight dispatches a layer, or nine (row-stages.ts). They share one layout, so that a layer is bound once.
 */
import { encodeDispatches, type Dispatch } from './device/dispatch.js';
import { USAGE } from './device/gpu-usage.js';
import type { GpuDevice } from './device/gpu-device.js';
import type { GpuModel } from './gpu-model.js';
import { subgroupOf } from './kernel-plan.js';
import { LAYER_GROUP } from './kernels/layer-bindings.js';
import { ROWS_GROUP } from './kernels/row-bindings.js';
import type { RowBuffers } from './row-buffers.js';
import { embedStage, headStages, layerStages, tapStage, type Stage, type StageSettings } from './row-stages.js';
import type { SequenceBuffers } from './sequence-buffers.js';
import { BINDING_ALIGNMENT } from './weights/vector-layout.js';

export interface RowPassOptions {
  /**
   * Tokens of one sequence, from their ids on; or a step of each sequence, from the residuals of `sequences` to their
   * logits.
   */
  readonly mode: 'tokens' | 'sequences';
  /** Compute receipts. */
  readonly head: boolean;
  readonly taps: boolean;
  /** Rows at a time at most; as many as there is room for unless fewer are named. */
  readonly most?: number;
}

/** A stage that is compiled, before it is bound. */
type Unbound = Omit<Dispatch, 'bindings' | 'sequence'>;

/** The stages of a pass. */
interface Compiled {
  readonly layer: readonly Unbound[];
  /** None where nobody wants logits, or receipts. */
  readonly head: readonly Unbound[];
  /** None where rows begin with their residuals. */
  readonly embed: readonly Unbound[];
  /** None where nobody wants taps. */
  readonly tap: readonly Unbound[];
}

/** The groups that layers and head share. */
interface Groups {
  readonly layer: GPUBindGroupLayout;
  readonly rows: GPUBindGroupLayout;
}

/** What is bound beside the weights. */
interface Bound {
  readonly sequences: SequenceBuffers;
  readonly rows: RowBuffers;
  /** Where the taps of each layer start; only where they are wanted. */
  readonly places: GPUBuffer | undefined;
}

export class RowPass {
  /** In order. */
  readonly dispatches: readonly Dispatch[];
  readonly #places: GPUBuffer | undefined;
  readonly #model: GpuModel;

  private constructor(model: GpuModel, dispatches: readonly Dispatch[], places: GPUBuffer | undefined) {
    this.#model = model;
    this.dispatches = dispatches;
    this.#places = places;
  }

  /** Compiles what the options need and binds everything once. @throws GpuError */
  static async create(
    model: GpuModel,
    sequences: SequenceBuffers,
    rows: RowBuffers,
    options: RowPassOptions,
  ): Promise<RowPass> {
    const { gpu, shape } = model;
    const groups = { layer: gpu.groupLayout(LAYER_GROUP), rows: gpu.groupLayout(ROWS_GROUP) };
    const compiled = await compile(model, groups, rows.capacity, options);
    const places = options.taps
      ? gpu.filled('tap places', tapPlaces(shape.layers, rows.capacity), USAGE.uniform)
      : undefined;
    return new RowPass(model, bind(model, groups, compiled, { sequences, rows, places }, options.mode), places);
  }

  /** All of it, for so many rows. */
  encode(pass: GPUComputePassEncoder, rows: number): void {
    encodeDispatches(pass, this.dispatches, rows);
  }

  close(): void {
    if (this.#places !== undefined) this.#model.gpu.free(this.#places);
  }
}

async function compile(
  { gpu, shape, plan }: GpuModel,
  groups: Groups,
  capacity: number,
  { mode, head, taps, most = capacity }: RowPassOptions,
): Promise<Compiled> {
  const matrices = plan.matrices && (await gpu.matricesWork()) ? gpu.limits : undefined;
  const settings: StageSettings = { shape, capacity, most, mode, subgroup: subgroupOf(gpu, plan), matrices };
  const layout = gpu.device.createPipelineLayout({ bindGroupLayouts: [groups.layer, groups.rows] });
  const [layer, headKernels, embed, tap] = await Promise.all([
    compileStages(gpu, layerStages(settings), layout),
    compileStages(gpu, head ? headStages(settings) : [], layout),
    compileStages(gpu, mode === 'tokens' ? [embedStage(settings)] : []),
    compileStages(gpu, taps ? [tapStage(settings)] : []),
  ]);
  return { layer, head: headKernels, embed, tap };
}

async function compileStages(
  gpu: GpuDevice,
  stages: readonly Stage[],
  layout?: GPUPipelineLayout,
): Promise<readonly Unbound[]> {
  return await Promise.all(
    stages.map(async ({ label, code, workgroups }) => ({
      label,
      kernel: await gpu.kernel(label, code, layout),
      workgroups,
    })),
  );
}

/** In order: embedding, layers with what taps them, head. */
function bind(
  { gpu, weights }: GpuModel,
  groups: Groups,
  { layer, head, embed, tap }: Compiled,
  { sequences, rows, places }: Bound,
  mode: RowPassOptions['mode'],
): readonly Dispatch[] {
  const { tables, crcFactors, headConstants, headVectors } = weights;
  const [x, logits] = mode === 'sequences' ? [sequences.x, sequences.logits] : [rows.x, rows.receipts];
  const bindRows = (tableBuffer: GPUBuffer): GPUBindGroup =>
    gpu.bindTo(groups.rows, [rows.size, tableBuffer, x, rows.quantised, rows.scratch, sequences.control]);
  const tapAt = (index: number): Dispatch[] => {
    if (places === undefined) return [];
    const place = { buffer: places, offset: index * BINDING_ALIGNMENT, size: 16 };
    return tap.map((stage) => ({ ...stage, bindings: gpu.bind(stage.kernel, [place, crcFactors, x, rows.taps]) }));
  };
  const ofLayers = bindRows(tables);
  const ofHead = bindRows(crcFactors);
  const headBindings = gpu.bindTo(groups.layer, [headConstants, headVectors, weights.head, logits]);
  return [
    ...embed.map((stage) => ({
      ...stage,
      bindings: gpu.bind(stage.kernel, [headConstants, rows.tokens, weights.embedding, x]),
    })),
    ...tapAt(0),
    ...weights.layers.flatMap(({ constants, vectors, all }, l) => {
      const bindings = gpu.bindTo(groups.layer, [constants, vectors, all, sequences.stateOf(l)]);
      return [...layer.map((stage) => ({ ...stage, bindings, sequence: ofLayers })), ...tapAt(l + 1)];
    }),
    ...head.map((stage) => ({ ...stage, bindings: headBindings, sequence: ofHead })),
  ];
}

/** Where the taps of each layer start, each a uniform of its own. */
function tapPlaces(layers: number, capacity: number): Uint32Array<ArrayBuffer> {
  const places = new Uint32Array(((layers + 1) * BINDING_ALIGNMENT) / 4);
  for (let tap = 0; tap <= layers; tap++) places[(tap * BINDING_ALIGNMENT) / 4] = tap * capacity;
  return places;
}
