/**
 * WGSL: embedding rows (docs/ARITHMETIC.md, section 5, first line). In GPU memory a row is its scale, one word, and
 * then its int8, four a word.
 */
import type { ModelShape } from '../../../../protocol/image/model-shape.js';
import { ARITHMETIC } from './arithmetic.js';
import { rowSize } from './arithmetic.js';
import { CONTROL, CONTROL_WORDS } from './control.js';

/** Words of one row. */
export function embeddingRowWords({ hiddenSize }: ModelShape): number {
  return 1 + Math.ceil(hiddenSize / 4);
}

/** `fn embedRow(local, token, row)`: needs the bindings `embedding` and `x` (rows of int32), and `embeddingShift()`. */
export function embedRow(shape: ModelShape, size: number): string {
  const { hiddenSize } = shape;
  return /* wgsl */ `
fn embedRow(local: u32, token: u32, row: u32) {
  let base = token * ${embeddingRowWords(shape)}u;
  let scale = i32(embedding[base]);
  for (var k = local; k < ${hiddenSize}u; k += ${size}u) {
    let value = (i32(embedding[base + 1u + k / 4u] << (24u - 8u * (k % 4u))) >> 24u) * scale;
    x[row * ${4 * rowSize(hiddenSize).words}u + k] = roundShift(value, embeddingShift());
  }
}
`;
}

/** One workgroup for each row of x: from the tokens that the host wrote. */
export function embedTokens(shape: ModelShape, size: number): string {
  return embedKernel(shape, size, 'tokens[row]');
}

/** One workgroup for each sequence: the token that its run feeds next. */
export function embedNext(shape: ModelShape, size: number): string {
  return embedKernel(shape, size, `tokens[row * ${CONTROL_WORDS}u + ${CONTROL.token}u]`);
}

function embedKernel(shape: ModelShape, size: number, token: string): string {
  return /* wgsl */ `
${ARITHMETIC}
@group(0) @binding(0) var<uniform> constants: array<vec4<i32>, 4>;
@group(0) @binding(1) var<storage, read> tokens: array<u32>;
@group(0) @binding(2) var<storage, read> embedding: array<u32>;
@group(0) @binding(3) var<storage, read_write> x: array<i32>;
fn embeddingShift() -> u32 { return u32(constants[0].x); }
${embedRow(shape, size)}
@compute @workgroup_size(${size})
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {
  let row = group.x;
  embedRow(local, ${token}, row);
}
`;
}
