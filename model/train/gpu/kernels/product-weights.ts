/**
 * WGSL: dW = Σₙ dout·q/s, the gradient of latent weights (docs/TRAINING.md, section 3). Rows are many and matrices may
 * be small, so the rows are split: each split leaves sums of its own, which `sumPartials` adds in a fixed order.
 */
import { tiledProduct, tiledProductGroups, tileShape, type TiledProduct } from './tiled-product.js';

/** Workgroups that keep a large card busy. */
const ENOUGH_GROUPS = 512;
/** Fewer rows are not worth a split. */
const LEAST_ROWS = 256;

/** In how many parts the rows go. */
export function rowSplits(rows: number, outputs: number, inputs: number): number {
  const [x, y] = tiledProductGroups(outputs, inputs, tileShape(outputs, inputs));
  return Math.max(1, Math.min(Math.ceil(ENOUGH_GROUPS / (x * y)), Math.ceil(rows / LEAST_ROWS)));
}

export function productWeightsGroups(rows: number, outputs: number, inputs: number): readonly [number, number, number] {
  return [...tiledProductGroups(outputs, inputs, tileShape(outputs, inputs)), rowSplits(rows, outputs, inputs)];
}

/** How it is cut and split, whatever its factors are stored as. */
export function tiledWeights(rows: number, outputs: number, inputs: number): Omit<TiledProduct, 'code'> {
  const each = Math.ceil(rows / rowSplits(rows, outputs, inputs));
  return {
    rows: outputs,
    columns: inputs,
    tile: tileShape(outputs, inputs),
    isAlongI: true,
    from: `group.z * ${each}u`,
    to: `min(${rows}u, (group.z + 1u) * ${each}u)`,
  };
}

export function productWeights(rows: number, outputs: number, inputs: number): string {
  return tiledProduct({
    ...tiledWeights(rows, outputs, inputs),
    code: /* wgsl */ `
@group(0) @binding(0) var<storage, read> dOut: array<f32>;
@group(0) @binding(1) var<storage, read> quantised: array<u32>;
@group(0) @binding(2) var<storage, read> stats: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> partials: array<vec4<f32>>;
fn loadA(c: u32, i: u32) -> f32 { return dOut[c * ${outputs}u + i]; }
fn loadB(c: u32, word: u32) -> vec4<f32> { return vec4<f32>(unpack4xI8(quantised[c * ${inputs / 4}u + word])) * stats[c].z; }
fn store(split: u32, i: u32, word: u32, value: vec4<f32>) { partials[(split * ${outputs}u + i) * ${inputs / 4}u + word] = value; }
`,
  });
}
