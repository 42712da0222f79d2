/** WGSL: one step of a formula over a tensor [rows][columns], each a kernel of its own, as PyTorch has them. */
import { enableSubgroups, type Group } from '../../../backends/gpu/kernels/reduce.js';
import { normBackGroups } from '../kernels/norm-back.js';
import { sweeps } from '../kernels/optimiser.js';
import { rowReduction } from '../kernels/reduce-rows.js';

const SIZE = 256;
/** Adapters take 65,535 workgroups in a direction. */
const MOST_ROW_GROUPS = 32_768;
const COLUMN_SIZE = 64;

/** What an operand is a value of: each element, a row, a column, or the whole. */
export type Extent = 'element' | 'row' | 'column' | 'whole';

/** What becomes of a value: written, added to what is there, or written as half floats. */
export type Target = 'write' | 'add' | 'half';

export interface Step {
  readonly rows: number;
  /** A multiple of four. */
  readonly columns: number;
  readonly operands: readonly Extent[];
  /** In terms of `a`, `b`, … for the operands, in fours. */
  readonly value: string;
  readonly target: Target;
}

const NAMES = ['a', 'b', 'c'] as const;

/** Operands are bound to 0, 1, …, and the target behind them. */
export function step({ rows, columns, operands, value, target }: Step): string {
  const words = columns / 4;
  const load = { element: '[at]', row: `[at / ${words}u]`, column: `[at % ${words}u]`, whole: '[0]' } as const;
  const type = (extent: Extent): string => (extent === 'row' || extent === 'whole' ? 'array<f32>' : 'array<vec4<f32>>');
  const store = {
    write: 'out[at] = value;',
    add: 'out[at] += value;',
    half: 'out[at] = vec2(pack2x16float(value.xy), pack2x16float(value.zw));',
  } as const;
  return /* wgsl */ `
${operands.map((extent, k) => `@group(0) @binding(${k}) var<storage, read> operand${k}: ${type(extent)};`).join('\n')}
@group(0) @binding(${operands.length}) var<storage, read_write> out: array<${target === 'half' ? 'vec2<u32>' : 'vec4<f32>'}>;
@compute @workgroup_size(${SIZE})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  for (var at = id.x; at < ${rows * words}u; at += ${stepGroups(rows, columns) * SIZE}u) {
    ${operands.map((extent, k) => `let ${NAMES[k]} = operand${k}${load[extent]};`).join(' ')}
    let value = vec4<f32>(${value});
    ${store[target]}
  }
}
`;
}

export function stepGroups(rows: number, columns: number): number {
  return sweeps(rows * columns);
}

/** Of each row the sum or the largest, as `total`, and `value` of that. */
export function overRows(
  { rows, columns }: Pick<Step, 'rows' | 'columns'>,
  what: 'sum' | 'largest',
  value: string,
  group: Group,
): string {
  const words = columns / 4;
  return /* wgsl */ `
${enableSubgroups(group)}
@group(0) @binding(0) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
${rowReduction(group)}
@compute @workgroup_size(${group.size})
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  for (var row = workgroup.x; row < ${rows}u; row += ${overRowsGroups(rows)}u) {
    var both = vec2(0.0, -3.4e38);
    for (var k = local; k < ${words}u; k += ${group.size}u) {
      let v = a[row * ${words}u + k];
      both = vec2(both.x + v.x + v.y + v.z + v.w, max(both.y, max(max(v.x, v.y), max(v.z, v.w))));
    }
    let total = reduced(local, both).${what === 'sum' ? 'x' : 'y'};
    if (local == 0u) { out[row] = ${value}; }
  }
}
`;
}

export function overRowsGroups(rows: number): number {
  return Math.min(rows, MOST_ROW_GROUPS);
}

/** Sums of each column, in as many parts as a norm's way back leaves, for `sumPartials`. */
export function overColumns({ rows, columns }: Pick<Step, 'rows' | 'columns'>): string {
  const words = columns / 4;
  const each = Math.ceil(rows / normBackGroups(rows));
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> partials: array<vec4<f32>>;
@compute @workgroup_size(${COLUMN_SIZE})
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = workgroup.y * ${COLUMN_SIZE}u + local;
  if (k >= ${words}u) { return; }
  let first = workgroup.x * ${each}u;
  var sum = vec4<f32>(0.0);
  for (var row = first; row < min(first + ${each}u, ${rows}u); row++) { sum += a[row * ${words}u + k]; }
  partials[workgroup.x * ${words}u + k] = sum;
}
`;
}

export function overColumnsGroups({ rows, columns }: Pick<Step, 'rows' | 'columns'>): readonly [number, number] {
  return [normBackGroups(rows), Math.ceil(columns / 4 / COLUMN_SIZE)];
}

/** A word that is zero again. */
export function zero(): string {
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read_write> word: array<u32>;
@compute @workgroup_size(1)
fn main() { word[0] = 0u; }
`;
}
