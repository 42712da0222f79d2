/**
 * What many rows at once go through, as tables: the kernels of a layer, of the head, and around them, in order.
 *
 * A layer is four times quantise and multiply; and between the first two pairs, for the tokens of a prompt, the scan.
 */
import type { ModelShape } from '../../../protocol/image/model-shape.js';
import type { Dispatch } from './device/dispatch.js';
import { rowSize } from './kernels/arithmetic.js';
import { embedTokens } from './kernels/embed.js';
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
import type { Group } from './kernels/reduce.js';
import { rowWords } from './kernels/row-bindings.js';
import { scanTokens, scanWorkgroups } from './kernels/scan.js';
import { tapRows } from './kernels/tap-rows.js';
import { FEW_ROWS } from './row-buffers.js';
import { layerMatrixOffsets } from './weights/matrix-layout.js';

/** A kernel, before it is compiled. */
export interface Stage extends Pick<Dispatch, 'label' | 'workgroups'> {
  readonly code: string;
}

/** What the kernels are made for. */
export interface StageSettings {
  readonly shape: ModelShape;
  /** Rows that the buffers hold, and rows at a time at most. */
  readonly capacity: number;
  readonly most: number;
  /** Tokens of one sequence, or a step of each sequence. */
  readonly mode: 'tokens' | 'sequences';
  /** Lanes of a subgroup; 0 if they are not used. */
  readonly subgroup: number;
  /** Matrix units, and their limits; undefined if they are not used. */
  readonly matrices: Pick<GPUSupportedLimits, 'maxComputeWorkgroupStorageSize'> | undefined;
}

/** What is multiplied: `count` matrices of the same size, one behind the other, from byte `at` of the layer's on. */
interface Matrix {
  readonly at: number;
  readonly scale: string;
  readonly rows: number;
  readonly columns: number;
  readonly count?: number;
}

/** Invocations of a workgroup that has a row. */
const GROUP_LEAST = 64;
const GROUP_MOST = 256;

/**
 * One invocation for each four columns, as far as they are neither too few nor too many: idle ones cost as much as the
 * others.
 */
function groupFor(columns: number, subgroup: number): Group {
  const enough = 2 ** Math.ceil(Math.log2(rowSize(columns).words));
  return { size: Math.max(GROUP_LEAST, subgroup, Math.min(GROUP_MOST, enough)), subgroup };
}

/** In front of the first layer. */
export function embedStage({ shape, subgroup }: StageSettings): Stage {
  return perRow('embed tokens', embedTokens(shape, groupFor(shape.hiddenSize, subgroup).size));
}

/** After the embedding and after each layer. */
export function tapStage({ shape, subgroup }: StageSettings): Stage {
  return perRow('taps', tapRows(shape, groupFor(shape.hiddenSize, subgroup).size));
}

export function layerStages(settings: StageSettings): readonly Stage[] {
  const { shape, capacity, mode, subgroup } = settings;
  const { hiddenSize: h, intermediateSize: i } = shape;
  const at = layerMatrixOffsets(shape);
  const { mix, mixOutput, glu, gluOutput } = PRODUCT_SCALES;
  const narrow = groupFor(h, subgroup);
  const wide = groupFor(i, subgroup);
  const mixes = (size: number): Epilogue => mixing(shape, capacity, size);
  const gates = (size: number): Epilogue => gating(shape, capacity, size);
  const adds = (): Epilogue => adding(shape);
  const product = (label: string, matrix: Matrix, epilogue: (size: number, tokens: number) => Epilogue): Stage =>
    multiply(settings, label, matrix, epilogue);
  return [
    perRow('quantise for mixing', quantiseForMixing(shape, capacity, narrow)),
    product('mix product', { at: at.mix, scale: mix, rows: h, columns: h, count: 3 }, mixes),
    ...(mode === 'tokens' ? [scan(shape, capacity)] : []),
    perRow('quantise mixed', quantiseMixed(shape, capacity, narrow, mode)),
    product('mix output product', { at: at.mixOutput, scale: mixOutput, rows: h, columns: h }, adds),
    perRow('quantise for GLU', quantiseForGlu(shape, capacity, narrow)),
    product('GLU product', { at: at.glu, scale: glu, rows: 2 * i, columns: h }, gates),
    perRow('quantise GLU', quantiseGlu(shape, capacity, wide)),
    product('GLU output product', { at: at.gluOutput, scale: gluOutput, rows: h, columns: i }, adds),
  ];
}

export function headStages(settings: StageSettings): readonly Stage[] {
  const { shape, capacity, mode, subgroup } = settings;
  const { hiddenSize, vocabSize } = shape;
  const matrix: Matrix = { at: 0, scale: PRODUCT_SCALES.head, rows: vocabSize, columns: hiddenSize };
  return [
    perRow('quantise for head', quantiseForHead(shape, capacity, groupFor(hiddenSize, subgroup))),
    multiply(settings, 'head product', matrix, (size, tokens) =>
      mode === 'sequences' ? scoring(shape) : checking(shape, tokens, size),
    ),
  ];
}

function perRow(label: string, code: string): Stage {
  return { label, code, workgroups: (rows) => [rows, 1, 1] };
}

function scan(shape: ModelShape, capacity: number): Stage {
  const workgroups = [scanWorkgroups(shape), 1, 1] as const;
  return { label: 'scan', code: scanTokens(shape, capacity), workgroups: () => workgroups };
}

function multiply(
  settings: StageSettings,
  label: string,
  { at, scale, rows, columns, count = 1 }: Matrix,
  epilogue: (size: number, tokens: number) => Epilogue,
): Stage {
  const { shape, capacity } = settings;
  const product = productKind(settings, rows * count);
  const code = product.code({
    row: rowSize(columns),
    rows,
    matrixAt: at,
    capacity,
    scale,
    sumsAt: rowWords(shape, capacity).sumsAt,
    epilogue: epilogue(product.size, product.tokens),
  });
  const tiles = Math.ceil(rows / product.rows);
  return { label, code, workgroups: (atWork) => [tiles, Math.ceil(atWork / product.tokens), count] };
}

/** A kernel for products, and its tile. */
interface ProductKind extends MatrixTile {
  readonly code: (text: ProductRowsText) => string;
}

function productKind({ capacity, most, matrices }: StageSettings, matrixRows: number): ProductKind {
  const isFew = capacity <= FEW_ROWS;
  if (matrices !== undefined) {
    if (!isFew) return { ...MATRIX_MANY, code: productMany };
    const tile = fewTile(matrices, most, matrixRows);
    return { ...tile, code: (text) => productFew(text, tile) };
  }
  const tile = isFew ? FEW : MANY;
  return { tokens: 16 * tile.tokens, rows: 16 * tile.rows, size: TILE_SIZE, code: (text) => productRows(text, tile) };
}
