/**
 * WGSL: RMSNorm back (docs/TRAINING.md, section 2): dv = r·(w·dy − v·r²·mean(v·w·dy)), and dw = Σₙ dy·v·r as partial
 * sums, one row of them a workgroup.
 */
import { enableSubgroups, type Group } from '../../../backends/gpu/kernels/reduce.js';
import { everyWord, rowReduction, wordsEach } from './reduce-rows.js';

export interface NormBack {
  readonly rows: number;
  readonly columns: number;
  /** Which inverse RMS of the rows: of the block's norm, or of BitLinear's own behind it. */
  readonly inverse: 'first' | 'second';
  /** Whether what was normed is the block's norm of `v`, by the gain that is bound at 6. */
  readonly isBehindFirst: boolean;
  /** Whether dv is added to what is there. */
  readonly adds: boolean;
}

/** Rows of a workgroup: enough workgroups for a large card, few partial sums. */
export function normBackGroups(rows: number): number {
  return Math.ceil(rows / rowsEach(rows));
}

function rowsEach(rows: number): number {
  return Math.max(1, Math.ceil(rows / 1024));
}

export function normBack({ rows, columns, inverse, isBehindFirst, adds }: NormBack, group: Group): string {
  const words = columns / 4;
  const value = isBehindFirst ? 'v[base + k] * stat.x * firstGain[k]' : 'v[base + k]';
  const each = (body: string): string => everyWord(words, group, body);
  return /* wgsl */ `
${enableSubgroups(group)}
@group(0) @binding(0) var<storage, read> v: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> gain: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> stats: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> dv: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> partials: array<vec4<f32>>;
${isBehindFirst ? '@group(0) @binding(6) var<storage, read> firstGain: array<vec4<f32>>;' : ''}
${rowReduction(group)}
@compute @workgroup_size(${group.size})
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  var dw: array<vec4<f32>, ${wordsEach(words, group)}>;
  let firstRow = workgroup.x * ${rowsEach(rows)}u;
  for (var row = firstRow; row < min(firstRow + ${rowsEach(rows)}u, ${rows}u); row++) {
    let base = row * ${words}u;
    let stat = stats[row];
    let r = stat.${inverse === 'first' ? 'x' : 'y'};
    var product = 0.0;
    ${each(`product += dot(${value}, gain[k] * dy[base + k]);`)}
    let factor = r * r * reduced(local, vec2(product, 0.0)).x / ${columns}.0;
    ${each(/* wgsl */ `
        let value = ${value};
        let d = dy[base + k];
        dv[base + k] ${adds ? '+=' : '='} r * (gain[k] * d - value * factor);
        dw[e] += d * value * r;`)}
  }
  ${each(`partials[workgroup.x * ${words}u + k] = dw[e];`)}
}
`;
}
