/**
 * Many rows at once: the tokens of a prompt, or one token of each sequence of a batch. Weights are read once for all rows.
 *
 * Eight dispatches a layer, four times quantise and multiply; and between the first two pairs, for the tokens of a prompt, the scan. They share one layout, so
 * that a layer is bound once.
 */
import { encodeDispatches, type Dispatch } from './device/dispatch.js';
import { USAGE } from './device/gpu-usage.js';
import type { GpuDevice } from './device/gpu-device.js';
import type { GpuModel } from './gpu-model.js';
import { subgroupOf } from './kernel-plan.js';
import { rowSize } from './kernels/arithmetic.js';
import { embedTokens } from './kernels/embed.js';
import { LAYER_GROUP } from './kernels/layer-bindings.js';
import { adding, checking, gating, mixing, scoring, type Epilogue } from './kernels/products/product-epilogues.js';
import { fewTile, MATRIX_MANY, productFew, productMany } from './kernels/products/product-matrices.js';
import type { MatrixTile } from './kernels/products/product-matrices.js';
import { FEW, MANY, productRows, TILE_SIZE, type ProductRowsText } from './kernels/products/product-rows.js';
import { PRODUCT_SCALES } from './kernels/products/product-scales.js';
import {
  quantiseForGlu,
  quantiseForHead,
  quantiseForMixing,
  quantiseGlu,
  quantiseMixed,
} from './kernels/quantise-rows.js';
import { ROWS_GROUP, rowWords } from './kernels/row-bindings.js';
import { scanTokens, scanWorkgroups } from './kernels/scan.js';
import { tapRows } from './kernels/tap-rows.js';
import { layerMatrixOffsets } from './weights/matrix-layout.js';
import { FEW_ROWS, type RowBuffers } from './row-buffers.js';
import type { SequenceBuffers } from './sequence-buffers.js';
import { BINDING_ALIGNMENT } from './weights/vector-layout.js';

const GROUP_SIZE = 256;

export interface RowPassOptions {
  /** Tokens of one sequence, from their ids on; or a step of each sequence, from the residuals of `sequences` to their logits. */
  readonly mode: 'tokens' | 'sequences';
  /** Compute receipts. */
  readonly head: boolean;
  readonly taps: boolean;
  /** Rows at a time at most; as many as there is room for unless fewer are named. */
  readonly most?: number;
}

/** A kernel, before it is bound. */
type Unbound = Omit<Dispatch, 'bindings' | 'sequence'>;

/** What is multiplied: `count` matrices of the same size, one behind the other, from byte `at` of the layer's on. */
interface Matrix {
  readonly at: number;
  readonly scale: string;
  readonly rows: number;
  readonly columns: number;
  readonly count?: number;
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
    { mode, head, taps, most = rows.capacity }: RowPassOptions,
  ): Promise<RowPass> {
    const { gpu, shape, weights } = model;
    const { capacity } = rows;
    const { hiddenSize: h, intermediateSize: i, vocabSize } = shape;
    const { tables, crcFactors, headConstants, headVectors } = weights;
    const x = mode === 'sequences' ? sequences.x : rows.x;
    const group = { size: GROUP_SIZE, subgroup: subgroupOf(gpu, model.plan) };
    const layerGroup = gpu.groupLayout(LAYER_GROUP);
    const rowsGroup = gpu.groupLayout(ROWS_GROUP);
    const layout = gpu.device.createPipelineLayout({ bindGroupLayouts: [layerGroup, rowsGroup] });

    const onMatrices = model.plan.matrices && (await gpu.matricesWork());

    const quantise = async (label: string, code: string): Promise<Unbound> => ({
      label,
      kernel: await gpu.kernel(label, code, layout),
      workgroups: (count) => [count, 1, 1],
    });
    const multiply = async (
      label: string,
      { at, scale, rows: matrixRows, columns, count: matrices = 1 }: Matrix,
      epilogue: (size: number, tokens: number) => Epilogue,
    ): Promise<Unbound> => {
      const product = productKind(gpu, onMatrices, { capacity, tokens: most }, matrixRows * matrices);
      const text = {
        row: rowSize(columns),
        rows: matrixRows,
        matrixAt: at,
        capacity,
        scale,
        sumsAt: rowWords(shape, capacity).sumsAt,
        epilogue: epilogue(product.size, product.tokens),
      };
      const kernel = await gpu.kernel(label, product.code(text), layout);
      const tiles = Math.ceil(matrixRows / product.rows);
      return { label, kernel, workgroups: (count) => [tiles, Math.ceil(count / product.tokens), matrices] };
    };
    const scan = async (): Promise<Unbound> => ({
      label: 'scan',
      kernel: await gpu.kernel('scan', scanTokens(shape, capacity), layout),
      workgroups: () => [scanWorkgroups(shape), 1, 1],
    });
    const offsets = layerMatrixOffsets(shape);
    const [ofLayer, ofHead, embed, tap] = await Promise.all([
      Promise.all([
        quantise('quantise for mixing', quantiseForMixing(shape, capacity, group)),
        multiply('mix product', { at: offsets.mix, scale: PRODUCT_SCALES.mix, rows: h, columns: h, count: 3 }, (size) =>
          mixing(shape, capacity, size),
        ),
        ...(mode === 'tokens' ? [scan()] : []),
        quantise('quantise mixed', quantiseMixed(shape, capacity, group, mode)),
        multiply(
          'mix output product',
          { at: offsets.mixOutput, scale: PRODUCT_SCALES.mixOutput, rows: h, columns: h },
          () => adding(shape),
        ),
        quantise('quantise for GLU', quantiseForGlu(shape, capacity, group)),
        multiply('GLU product', { at: offsets.glu, scale: PRODUCT_SCALES.glu, rows: 2 * i, columns: h }, (size) =>
          gating(shape, capacity, size),
        ),
        quantise('quantise GLU', quantiseGlu(shape, capacity, group)),
        multiply(
          'GLU output product',
          { at: offsets.gluOutput, scale: PRODUCT_SCALES.gluOutput, rows: h, columns: i },
          () => adding(shape),
        ),
      ]),
      Promise.all(
        head
          ? [
              quantise('quantise for head', quantiseForHead(shape, capacity, group)),
              multiply(
                'head product',
                { at: 0, scale: PRODUCT_SCALES.head, rows: vocabSize, columns: h },
                (size, tokens) => (mode === 'sequences' ? scoring(shape) : checking(shape, tokens, size)),
              ),
            ]
          : [],
      ),
      mode === 'tokens' ? gpu.kernel('embed tokens', embedTokens(shape, GROUP_SIZE)) : undefined,
      taps ? gpu.kernel('taps', tapRows(shape, GROUP_SIZE)) : undefined,
    ]);

    const perRow = (label: string, kernel: GPUComputePipeline, bindings: GPUBindGroup): Dispatch => ({
      label,
      kernel,
      bindings,
      workgroups: (count) => [count, 1, 1],
    });
    const places = taps ? gpu.filled('tap places', tapPlaces(shape.layers, capacity), USAGE.uniform) : undefined;
    const tapAt = (index: number): Dispatch[] => {
      if (tap === undefined || places === undefined) return [];
      const place = { buffer: places, offset: index * BINDING_ALIGNMENT, size: 16 };
      return [perRow('taps', tap, gpu.bind(tap, [place, crcFactors, x, rows.taps]))];
    };
    const bindRows = (tableBuffer: GPUBuffer): GPUBindGroup =>
      gpu.bindTo(rowsGroup, [rows.size, tableBuffer, x, rows.quantised, rows.scratch, sequences.control]);
    const rowsOfLayers = bindRows(tables);
    const rowsOfHead = bindRows(crcFactors);
    const logits = mode === 'sequences' ? sequences.logits : rows.receipts;
    const headBindings = gpu.bindTo(layerGroup, [headConstants, headVectors, weights.head, logits]);
    const dispatches = [
      ...(embed
        ? [perRow('embed tokens', embed, gpu.bind(embed, [headConstants, rows.tokens, weights.embedding, x]))]
        : []),
      ...tapAt(0),
      ...weights.layers.flatMap(({ constants, vectors, all }, l) => {
        const bindings = gpu.bindTo(layerGroup, [constants, vectors, all, sequences.stateOf(l)]);
        return [...ofLayer.map((kernel) => ({ ...kernel, bindings, sequence: rowsOfLayers })), ...tapAt(l + 1)];
      }),
      ...ofHead.map((kernel) => ({ ...kernel, bindings: headBindings, sequence: rowsOfHead })),
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
