/**
 * What the four kernels of a layer are bound to. They share one layout, so that a token binds the layer once for all of
 * them, and the rest once: binding is a quarter of what the processor has to do for a dispatch.
 *
 * Group 0 belongs to the layer, group 1 to the sequence. Seven storage buffers, less than the eight that every adapter
 * has.
 */
import type { ModelShape } from '../../../../protocol/image/model-shape.js';
import { rowSize } from './arithmetic.js';

/** As in `GPUBindGroupLayoutEntry`, in order of the bindings. */
export const LAYER_GROUP = ['uniform', 'read-only-storage', 'read-only-storage', 'storage'] as const;
export const SEQUENCE_GROUP = ['read-only-storage', 'storage', 'storage', 'read-only-storage'] as const;

export const CONSTANTS = '@group(0) @binding(0) var<uniform> constants: array<vec4<i32>, 4>;';
export const VECTORS = '@group(0) @binding(1) var<storage, read> vectors: array<u32>;';

/** All matrices of the layer: see matrix-layout.ts. */
export function matrices(type: 'vec4<u32>' | 'u32'): string {
  return `@group(0) @binding(2) var<storage, read> weights: array<${type}>;`;
}

export const TABLES = '@group(1) @binding(0) var<storage, read> tables: array<u32>;';
export const CONTROL_BLOCK = '@group(1) @binding(3) var<storage, read> control: array<u32>;';

/** States of all sequences in the layer. */
export function states(type: 'vec4<i32>' | 'i32'): string {
  return `@group(0) @binding(3) var<storage, read_write> state: array<${type}>;`;
}

/** The residual: `vec4<i32>` for those that read all of it, `i32` for those that add to it. */
export function residual(type: 'vec4<i32>' | 'i32'): string {
  return `@group(1) @binding(1) var<storage, read_write> x: array<${type}>;`;
}

/** Results of one kernel for the next: `i32` for the one that writes, `vec4<i32>` for the one that reads. */
export function scratch(type: 'vec4<i32>' | 'i32'): string {
  return `@group(1) @binding(2) var<storage, read_write> scratch: array<${type}>;`;
}

/** Where in `scratch` what lies, in vectors of four; what is behind the end of a row stays 0. */
export function scratchLayout({ hiddenSize, intermediateSize }: ModelShape): {
  readonly mixed: number;
  readonly gates: number;
  readonly products: number;
  readonly words: number;
} {
  const { words: narrow } = rowSize(hiddenSize);
  return { mixed: 0, gates: narrow, products: 2 * narrow, words: 2 * narrow + rowSize(intermediateSize).words };
}
