/**
 * What the kernels for many rows are bound to. As for a single token (layer-bindings.ts), group 0 belongs to the layer,
 * or to the head; group 1 belongs to the rows, and a pass binds it once. Eight storage buffers, as many as every
 * adapter has.
 */
import type { ModelShape } from '../../../../protocol/image/model-shape.js';
import { rowSize } from './arithmetic.js';

/** In order of the bindings. */
export const ROWS_GROUP = [
  'uniform',
  'read-only-storage',
  'storage',
  'storage',
  'storage',
  'read-only-storage',
] as const;

/** Rows at work, and the sequence whose tokens they are. */
export const SIZE = /* wgsl */ `
struct Size { tokens: u32, sequence: u32, pad0: u32, pad1: u32 }
@group(1) @binding(0) var<uniform> size: Size;`;

/** Of the sigmoid, in the kernels of a layer. */
export const ROW_TABLES = '@group(1) @binding(1) var<storage, read> tables: array<u32>;';

/** Of CRC-32, in their place, in those of the head. */
export const ROW_CRC_FACTORS = '@group(1) @binding(1) var<storage, read> crcFactors: array<u32>;';

/** [capacity][width], Q12. */
export function rowResidual(type: 'vec4<i32>' | 'i32'): string {
  return `@group(1) @binding(2) var<storage, read_write> x: array<${type}>;`;
}

/**
 * [product][capacity][words] int8, four a word; behind them, from word `sumsAt` on, [product][capacity] the sums of
 * each (quantiser.ts, `SUMS`).
 */
export function quantisedRows(type: 'vec4<i32>' | 'u32'): string {
  return `@group(1) @binding(3) var<storage, read_write> quantised: array<${type}>;`;
}

/**
 * What one kernel leaves for the next: three planes of [capacity][width], silu(i), then the states; the forget
 * complements; the gates. Behind them, from vector `productsAt` on, [capacity][wide width], the products of the GLU.
 * What is behind the end of a row stays 0.
 */
export function rowScratch(type: 'vec4<i32>' | 'i32'): string {
  return `@group(1) @binding(4) var<storage, read_write> scratch: array<${type}>;`;
}

export const ROW_CONTROL = '@group(1) @binding(5) var<storage, read> control: array<u32>;';

/** Places and sizes in the buffers: `productsAt` in vectors of four, all others in words. */
export function rowWords(
  { hiddenSize, intermediateSize }: ModelShape,
  capacity: number,
): Record<'sumsAt' | 'quantised' | 'productsAt' | 'scratch', number> {
  const narrow = rowSize(hiddenSize).words;
  const wide = rowSize(intermediateSize).words;
  const sumsAt = capacity * Math.max(3 * narrow, wide);
  return {
    sumsAt,
    quantised: sumsAt + 3 * capacity * 4,
    productsAt: 3 * capacity * narrow,
    scratch: 4 * capacity * (3 * narrow + wide),
  };
}
