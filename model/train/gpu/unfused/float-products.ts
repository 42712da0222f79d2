/** WGSL: the three products of a BitLinear whose factors are dequantised: floats, or half floats on matrix units. */
import { productInputsGroups, tiledInputs } from '../kernels/product-inputs.js';
import { productWeightsGroups, rowSplits, tiledWeights } from '../kernels/product-weights.js';
import { tiledProduct, tiledProductGroups, tileShape } from '../kernels/tiled-product.js';
import { isEven, matrixProduct, matrixProductGroups, widthOf, type MatrixTile } from '../matrix/matrix-product.js';
import { matrixCode, matrixGroups, matrixRowSplits, type ProductShape } from '../matrix/products.js';
import type { ProductKernel } from '../product-kernel.js';

/** Forth in half floats; what the tile must fit. */
function forthInHalves({ inputs }: ProductShape): Omit<Parameters<typeof matrixProduct>[0], 'code'> {
  return {
    factor: 'f16',
    left: { name: 'normed', stride: inputs, isAlongDepth: true },
    right: { name: 'weights', stride: inputs, isAlongDepth: true },
    from: '0u',
    to: `${inputs}u`,
  };
}

/** Whether the way forth goes through a tile that both ways back go through. */
export function fitsForth(shape: ProductShape, tile: MatrixTile): boolean {
  return shape.outputs % widthOf(tile) === 0 && shape.inputs % 64 === 0 && isEven(tile, forthInHalves(shape));
}

/**
 * Bound without a tile: both factors and the result; back, the gradient comes first. With a tile: forth the same, back
 * as `productKernel`, whose mean is one.
 */
export function floatProduct(shape: ProductShape, tile: MatrixTile | undefined): ProductKernel {
  const { kind, rows, outputs, inputs } = shape;
  if (tile && kind === 'product') {
    const code = /* wgsl */ `
@group(0) @binding(0) var<storage, read> normed: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> weights: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;
fn finish(split: u32, i: u32, word: u32, sum: vec4<f32>) { out[i * ${outputs / 4}u + word] = sum; }
`;
    return {
      code: matrixProduct({ ...forthInHalves(shape), code }, tile),
      groups: matrixProductGroups(rows, outputs, tile),
      splits: 1,
    };
  }
  if (tile) {
    const splits = matrixRowSplits(rows, outputs, inputs);
    return { code: matrixCode(shape, false, tile), groups: matrixGroups(shape, tile), splits };
  }
  const splits = rowSplits(rows, outputs, inputs);
  if (kind === 'product') return { code: forth(shape), groups: forthGroups(shape), splits };
  if (kind === 'inputs-back') return { code: inputsBack(shape), groups: productInputsGroups(rows, inputs), splits };
  return { code: weightsBack(shape), groups: productWeightsGroups(rows, outputs, inputs), splits };
}

function forthGroups({ rows, outputs }: ProductShape): readonly [number, number] {
  return tiledProductGroups(rows, outputs, tileShape(rows, outputs));
}

function forth({ rows, outputs, inputs }: ProductShape): string {
  return tiledProduct({
    rows,
    columns: outputs,
    tile: tileShape(rows, outputs),
    isAlongI: false,
    from: '0u',
    to: `${inputs}u`,
    code: /* wgsl */ `
@group(0) @binding(0) var<storage, read> normed: array<f32>;
@group(0) @binding(1) var<storage, read> weights: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;
fn loadA(c: u32, i: u32) -> f32 { return normed[i * ${inputs}u + c]; }
fn loadB(c: u32, word: u32) -> vec4<f32> {
  let at = 4u * word * ${inputs}u + c;
  return vec4(weights[at], weights[at + ${inputs}u], weights[at + ${2 * inputs}u], weights[at + ${3 * inputs}u]);
}
fn store(split: u32, i: u32, word: u32, value: vec4<f32>) { out[i * ${outputs / 4}u + word] = value; }
`,
  });
}

function inputsBack({ rows, outputs, inputs }: ProductShape): string {
  return tiledProduct({
    ...tiledInputs(rows, outputs, inputs),
    code: /* wgsl */ `
@group(0) @binding(0) var<storage, read> dOut: array<f32>;
@group(0) @binding(1) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> dInputs: array<vec4<f32>>;
fn loadA(c: u32, i: u32) -> f32 { return dOut[i * ${outputs}u + c]; }
fn loadB(c: u32, word: u32) -> vec4<f32> { return weights[c * ${inputs / 4}u + word]; }
fn store(split: u32, i: u32, word: u32, value: vec4<f32>) { dInputs[i * ${inputs / 4}u + word] = value; }
`,
  });
}

function weightsBack({ rows, outputs, inputs }: ProductShape): string {
  return tiledProduct({
    ...tiledWeights(rows, outputs, inputs),
    code: /* wgsl */ `
@group(0) @binding(0) var<storage, read> dOut: array<f32>;
@group(0) @binding(1) var<storage, read> normed: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> partials: array<vec4<f32>>;
fn loadA(c: u32, i: u32) -> f32 { return dOut[c * ${outputs}u + i]; }
fn loadB(c: u32, word: u32) -> vec4<f32> { return normed[c * ${inputs / 4}u + word]; }
fn store(split: u32, i: u32, word: u32, value: vec4<f32>) { partials[(split * ${outputs}u + i) * ${inputs / 4}u + word] = value; }
`,
  });
}
