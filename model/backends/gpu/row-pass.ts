/**
 * Many rows at once: the tokens of a prompt, or one token of each sequence of a batch. Weights are read once for all rows.
 *
 * Eight dispatches a layer, four times quantise and multiply; and between the first two pairs, for the tokens of a prompt, the scan.
 */
import { encodeDispatches, type Dispatch } from './dispatch.js';
import type { BufferPart, GpuDevice } from './gpu-device.js';
import { USAGE } from './gpu-usage.js';
import type { GpuModel } from './gpu-model.js';
import { subgroupOf } from './kernel-plan.js';
import { rowSize } from './kernels/arithmetic.js';
import { embedTokens } from './kernels/embed.js';
import { adding, checking, gating, mixing, scoring, type Epilogue } from './kernels/product-epilogues.js';
import { fewTile, MATRIX_MANY, productFew, productMany } from './kernels/product-matrices.js';
import type { MatrixTile } from './kernels/product-matrices.js';
import { FEW, MANY, productRows, TILE_SIZE, type ProductRowsText } from './kernels/product-rows.js';
import {
  quantiseForGlu,
  quantiseForHead,
  quantiseForMixing,
  quantiseGlu,
  quantiseMixed,
} from './kernels/quantise-rows.js';
import { scanTokens, scanWorkgroups } from './kernels/scan.js';
import { tapRows } from './kernels/tap-rows.js';
import { FEW_ROWS, type RowBuffers } from './row-buffers.js';
import type { SequenceBuffers } from './sequence-buffers.js';
import { BINDING_ALIGNMENT } from './vector-layout.js';

const GROUP_SIZE = 256;

export interface RowPassOptions {
  /** Tokens of one sequence, from their ids on; or a step of each sequence, from the residuals of `sequences` to their logits. */
  readonly mode: 'tokens' | 'sequences';
  /** Compute receipts. */
  readonly head: boolean;
  readonly taps: boolean;
}

type Parts = readonly (BufferPart | GPUBuffer)[];

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
    { mode, head, taps }: RowPassOptions,
  ): Promise<RowPass> {
    const { gpu, shape, weights } = model;
    const { capacity, channels, products } = rows;
    const { hiddenSize: h, intermediateSize: i, vocabSize } = shape;
    const { tables, crcFactors, headConstants, headVectors } = weights;
    const x = mode === 'sequences' ? sequences.x : rows.x;
    const group = { size: GROUP_SIZE, subgroup: subgroupOf(gpu, model.plan) };

    // At most so many at a time.
    const atOnce = mode === 'sequences' ? sequences.count : capacity;
    const onMatrices = model.plan.matrices && (await gpu.matricesWork());

    const perRow = async (label: string, code: string): Promise<(parts: Parts) => Dispatch> => {
      const kernel = await gpu.kernel(label, code);
      return (parts) => ({ label, kernel, bindings: gpu.bind(kernel, parts), workgroups: (count) => [count, 1, 1] });
    };
    const quantise = async (label: string, code: string): Promise<(parts: Parts) => Dispatch> => {
      const build = await perRow(label, code);
      return (parts) => build([...parts.slice(0, 2), rows.quantised, rows.scales, ...parts.slice(2)]);
    };
    const multiply = async (
      label: string,
      matrix: { readonly rows: number; readonly columns: number; readonly count?: number },
      epilogue: (size: number, tokens: number) => Epilogue,
    ): Promise<(weightPart: BufferPart, parts: Parts) => Dispatch> => {
      const product = productKind(gpu, onMatrices, { capacity, tokens: atOnce }, matrix.rows * (matrix.count ?? 1));
      const text = {
        row: rowSize(matrix.columns),
        rows: matrix.rows,
        capacity,
        epilogue: epilogue(product.size, product.tokens),
      };
      const kernel = await gpu.kernel(label, product.code(text));
      const tiles = Math.ceil(matrix.rows / product.rows);
      return (weightPart, parts) => ({
        label,
        kernel,
        bindings: gpu.bind(kernel, [rows.size, weightPart, rows.quantised, rows.scales, ...parts]),
        workgroups: (count) => [tiles, Math.ceil(count / product.tokens), matrix.count ?? 1],
      });
    };
    const [
      quantiseMixing,
      mix,
      scan,
      quantiseOutput,
      mixOutput,
      quantiseGates,
      glu,
      quantiseProducts,
      gluOutput,
      embed,
      quantiseHead,
      score,
      tap,
    ] = await Promise.all([
      quantise('quantise for mixing', quantiseForMixing(shape, capacity, group)),
      multiply('mix product', { rows: h, columns: h, count: 3 }, (size) => mixing(shape, capacity, size)),
      mode === 'tokens' ? gpu.kernel('scan', scanTokens(shape, capacity)) : undefined,
      quantise('quantise mixed', quantiseMixed(shape, capacity, group, mode)),
      multiply('mix output product', { rows: h, columns: h }, () => adding(shape)),
      quantise('quantise for GLU', quantiseForGlu(shape, capacity, group)),
      multiply('GLU product', { rows: 2 * i, columns: h }, (size) => gating(shape, size)),
      quantise('quantise GLU', quantiseGlu(shape, capacity, group)),
      multiply('GLU output product', { rows: h, columns: i }, () => adding(shape)),
      mode === 'tokens' ? perRow('embed tokens', embedTokens(shape, GROUP_SIZE)) : undefined,
      head ? quantise('quantise for head', quantiseForHead(shape, capacity, group)) : undefined,
      head
        ? multiply('head product', { rows: vocabSize, columns: h }, (size, tokens) =>
            mode === 'sequences' ? scoring(shape) : checking(shape, tokens, size),
          )
        : undefined,
      taps ? perRow('taps', tapRows(shape, GROUP_SIZE)) : undefined,
    ]);

    const scanDispatch = (kernel: GPUComputePipeline, state: BufferPart): Dispatch => ({
      label: 'scan',
      kernel,
      bindings: gpu.bind(kernel, [rows.size, state, channels]),
      workgroups: () => [scanWorkgroups(shape), 1, 1],
    });
    const places = taps ? gpu.filled('tap places', tapPlaces(shape.layers, capacity), USAGE.uniform) : undefined;
    const tapAt = (index: number): Dispatch[] => {
      if (tap === undefined || places === undefined) return [];
      return [tap([{ buffer: places, offset: index * BINDING_ALIGNMENT, size: 16 }, crcFactors, x, rows.taps])];
    };
    const dispatches = [
      ...(embed ? [embed([headConstants, rows.tokens, weights.embedding, x])] : []),
      ...tapAt(0),
      ...weights.layers.flatMap(({ constants, vectors, ...matrices }, l) => [
        quantiseMixing([constants, vectors, x]),
        mix(matrices.mix, [tables, vectors, channels]),
        ...(scan ? [scanDispatch(scan, sequences.stateOf(l))] : []),
        quantiseOutput([
          constants,
          vectors,
          tables,
          channels,
          ...(mode === 'sequences' ? [sequences.stateOf(l), sequences.control] : []),
        ]),
        mixOutput(matrices.mixOutput, [x]),
        quantiseGates([constants, vectors, x]),
        glu(matrices.glu, [tables, products]),
        quantiseProducts([constants, vectors, products]),
        gluOutput(matrices.gluOutput, [x]),
        ...tapAt(l + 1),
      ]),
      ...(quantiseHead ? [quantiseHead([headConstants, headVectors, x])] : []),
      ...(score
        ? [
            mode === 'sequences'
              ? score(weights.head, [sequences.logits])
              : score(weights.head, [crcFactors, rows.receipts]),
          ]
        : []),
    ];
    return new RowPass(model, dispatches, places);
  }

  /** All of it, for so many rows. */
  encode(pass: GPUComputePassEncoder, rows: number): void {
    encodeDispatches(pass, this.dispatches, rows);
  }

  close(): void {
    if (this.#places !== undefined) this.#model.gpu.free(this.#places);
  }
}

/** A kernel for products, and its tile. */
interface ProductKind extends MatrixTile {
  readonly code: (text: ProductRowsText) => string;
}

function productKind(
  gpu: GpuDevice,
  onMatrices: boolean,
  { capacity, tokens }: { readonly capacity: number; readonly tokens: number },
  matrixRows: number,
): ProductKind {
  const isFew = capacity <= FEW_ROWS;
  if (onMatrices) {
    if (!isFew) return { ...MATRIX_MANY, code: productMany };
    const tile = fewTile(gpu.limits, tokens, matrixRows);
    return { ...tile, code: (text) => productFew(text, tile) };
  }
  const tile = isFew ? FEW : MANY;
  return { tokens: 16 * tile.tokens, rows: 16 * tile.rows, size: TILE_SIZE, code: (text) => productRows(text, tile) };
}

/** Where the taps of each layer start, each a uniform of its own. */
function tapPlaces(layers: number, capacity: number): Uint32Array<ArrayBuffer> {
  const places = new Uint32Array(((layers + 1) * BINDING_ALIGNMENT) / 4);
  for (let tap = 0; tap <= layers; tap++) places[(tap * BINDING_ALIGNMENT) / 4] = tap * capacity;
  return places;
}
