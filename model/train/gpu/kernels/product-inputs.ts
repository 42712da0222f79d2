/** WGSL: dy = Σ over outputs of dout·t·m, the gradient in front of a ternary product (docs/TRAINING.md, section 3). */
import { tiledProduct, tiledProductGroups, tileShape, type TiledProduct } from './tiled-product.js';

export function productInputsGroups(rows: number, inputs: number): readonly [number, number] {
  return tiledProductGroups(rows, inputs, tileShape(rows, inputs));
}

/** How it is cut, whatever its factors are stored as. */
export function tiledInputs(rows: number, outputs: number, inputs: number): Omit<TiledProduct, 'code'> {
  const tile = tileShape(rows, inputs);
  return { rows, columns: inputs, tile, isAlongI: false, from: '0u', to: `${outputs}u` };
}

export function productInputs(rows: number, outputs: number, inputs: number): string {
  return tiledProduct({
    ...tiledInputs(rows, outputs, inputs),
    code: /* wgsl */ `
@group(0) @binding(0) var<storage, read> dOut: array<f32>;
@group(0) @binding(1) var<storage, read> trits: array<u32>;
@group(0) @binding(2) var<storage, read> mean: array<f32>;
@group(0) @binding(3) var<storage, read_write> dInputs: array<vec4<f32>>;
fn loadA(c: u32, i: u32) -> f32 { return dOut[i * ${outputs}u + c]; }
fn loadB(c: u32, word: u32) -> vec4<f32> { return vec4<f32>(unpack4xI8(trits[c * ${inputs / 4}u + word])); }
fn store(split: u32, i: u32, word: u32, value: vec4<f32>) { dInputs[i * ${inputs / 4}u + word] = value * mean[0]; }
`,
  });
}
