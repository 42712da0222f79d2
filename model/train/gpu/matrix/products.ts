/** WGSL: the three products of a BitLinear on matrix units (docs/TRAINING.md, sections 3 and 7). */
import { SCALES } from '../kernels/halves.js';
import {
  depthOf,
  heightOf,
  isEven,
  matrixProduct,
  matrixProductGroups,
  widthOf,
  workgroupBytes,
  type MatrixProduct,
  type MatrixTile,
} from './matrix-product.js';

/** Which of them: forth, the gradient of what goes in, and that of the weights. */
export type ProductKind = 'product' | 'inputs-back' | 'weights-back';

export interface ProductShape {
  readonly kind: ProductKind;
  readonly rows: number;
  readonly outputs: number;
  readonly inputs: number;
}

/** How a product goes through matrix units; undefined: it goes without. */
export type TileOf = (product: ProductShape) => MatrixTile | undefined;

/** `weights-back 2048 × 1024 × 1024`: rows, outputs, inputs. */
export function productKey({ kind, rows, outputs, inputs }: ProductShape): string {
  return `${kind} ${rows} × ${outputs} × ${inputs}`;
}

/** Fewer rows are not worth a split of them, whose parts are multiples of it. */
const LEAST_ROWS = 256;
/** Tiles of 64 × 64 that keep a large card busy. */
const ENOUGH_TILES = 1024;

/**
 * Rows of each part over which a gradient of weights is summed: the same for all tiles, so that all give the same bits.
 */
function rowsEach(rows: number, outputs: number, inputs: number): number {
  const splits = Math.min(Math.ceil((ENOUGH_TILES * 64 * 64) / (outputs * inputs)), Math.floor(rows / LEAST_ROWS));
  return 64 * Math.ceil(rows / Math.max(1, splits) / 64);
}

/** In how many parts the rows go, each of which leaves sums of its own. */
export function matrixRowSplits(rows: number, outputs: number, inputs: number): number {
  return Math.ceil(rows / rowsEach(rows, outputs, inputs));
}

/** Without what becomes of the sums. */
function operands({ kind, rows, outputs, inputs }: ProductShape): Omit<MatrixProduct, 'code'> {
  if (kind === 'product') {
    return {
      factor: 'i8',
      left: { name: 'quantised', stride: inputs, isAlongDepth: true },
      right: { name: 'trits', stride: inputs, isAlongDepth: true },
      from: '0u',
      to: `${inputs}u`,
    };
  }
  if (kind === 'inputs-back') {
    return {
      factor: 'f16',
      left: { name: 'dOut', stride: outputs, isAlongDepth: true },
      right: { name: 'trits', stride: inputs, isAlongDepth: false },
      from: '0u',
      to: `${outputs}u`,
    };
  }
  const each = rowsEach(rows, outputs, inputs);
  return {
    factor: 'f16',
    left: { name: 'dOut', stride: outputs, isAlongDepth: false },
    right: { name: 'normed', stride: inputs, isAlongDepth: false },
    from: `group.z * ${each}u`,
    to: `min(${rows}u, (group.z + 1u) * ${each}u)`,
  };
}

/** Rows, columns and depth of the result. */
function extents({ kind, rows, outputs, inputs }: ProductShape): readonly [number, number, number] {
  if (kind === 'product') return [rows, outputs, inputs];
  return kind === 'inputs-back' ? [rows, inputs, outputs] : [outputs, inputs, rows];
}

/** Whether a product comes in whole tiles, and the tile in so much workgroup memory. */
export function fits(shape: ProductShape, tile: MatrixTile, workgroupMemory: number): boolean {
  const [rows, columns, depth] = extents(shape);
  const product = operands(shape);
  return (
    rows % heightOf(tile) === 0 &&
    columns % widthOf(tile) === 0 &&
    depth % Math.max(64, depthOf(tile, product.factor)) === 0 &&
    isEven(tile, product) &&
    workgroupBytes(tile, product) <= workgroupMemory
  );
}

export function matrixGroups(shape: ProductShape, tile: MatrixTile): readonly [number, number, number] {
  const { kind, rows, outputs, inputs } = shape;
  const [height, width] = extents(shape);
  const splits = kind === 'weights-back' ? matrixRowSplits(rows, outputs, inputs) : 1;
  return [...matrixProductGroups(height, width, tile), splits];
}

/** @param addsBase whether what comes out is added to another one, forth */
export function matrixCode(shape: ProductShape, addsBase: boolean, tile: MatrixTile): string {
  const { kind } = shape;
  const code =
    kind === 'product' ? forth(shape, addsBase) : kind === 'inputs-back' ? inputsBack(shape) : weightsBack(shape);
  return matrixProduct({ ...operands(shape), code }, tile);
}

/** out = (Σ t·q)·m/s, exact; bound as for `ternaryProduct`. */
function forth({ outputs }: ProductShape, addsBase: boolean): string {
  const words = outputs / 4;
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> quantised: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> trits: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> mean: array<f32>;
@group(0) @binding(3) var<storage, read> stats: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> out: array<vec4<f32>>;
${addsBase ? '@group(0) @binding(5) var<storage, read> base: array<vec4<f32>>;' : ''}
fn finish(split: u32, i: u32, word: u32, sum: vec4<i32>) {
  let at = i * ${words}u + word;
  out[at] = ${addsBase ? 'base[at] + ' : ''}vec4<f32>(sum) * (mean[0] * stats[i].z);
}
`;
}

/** dy = Σ over outputs of dout·t·m. */
function inputsBack({ inputs }: ProductShape): string {
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> dOut: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> trits: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> mean: array<f32>;
@group(0) @binding(3) var<storage, read> top: array<u32>;
@group(0) @binding(4) var<storage, read_write> dInputs: array<vec4<f32>>;
${SCALES}
fn finish(split: u32, i: u32, word: u32, sum: vec4<f32>) {
  dInputs[i * ${inputs / 4}u + word] = sum * (mean[0] * inverseScaleOf(top[0]));
}
`;
}

/** dW = Σₙ dout·q/s, as partial sums. */
function weightsBack({ outputs, inputs }: ProductShape): string {
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> dOut: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> normed: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> top: array<u32>;
@group(0) @binding(3) var<storage, read_write> partials: array<vec4<f32>>;
${SCALES}
fn finish(split: u32, i: u32, word: u32, sum: vec4<f32>) {
  partials[(split * ${outputs}u + i) * ${inputs / 4}u + word] = sum * inverseScaleOf(top[0]);
}
`;
}
