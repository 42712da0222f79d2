/**
 * WGSL: out = (Σ t·q)·m/s, exact in integers, in tiles of 64 rows × 64 outputs; optionally added to another [rows][outputs].
 * Both factors are four int8 in a word, along the inputs.
 */

/** 16 × 16 invocations, 4 × 4 sums each. */
const TILE = 64;
/** Words of a row that are in workgroup memory at a time. */
const DEPTH = 16;

export function ternaryProductGroups(rows: number, outputs: number): readonly [number, number] {
  return [Math.ceil(outputs / TILE), Math.ceil(rows / TILE)];
}

export function ternaryProduct(rows: number, outputs: number, inputs: number, addsBase: boolean): string {
  const words = inputs / 4;
  const fours = (line: (a: number) => string): string => [0, 1, 2, 3].map(line).join(' ');
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> quantised: array<u32>;
@group(0) @binding(1) var<storage, read> trits: array<u32>;
@group(0) @binding(2) var<storage, read> mean: array<f32>;
@group(0) @binding(3) var<storage, read> stats: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;
${addsBase ? '@group(0) @binding(5) var<storage, read> base: array<f32>;' : ''}
var<workgroup> q: array<u32, ${DEPTH * (TILE + 1)}>;
var<workgroup> t: array<u32, ${DEPTH * (TILE + 1)}>;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let firstOutput = group.x * ${TILE}u;
  let firstRow = group.y * ${TILE}u;
  let x = local % 16u;
  let y = local / 16u;
  ${fours((a) => `var sum${a} = vec4<i32>(0);`)}
  for (var word = 0u; word < ${words}u; word += ${DEPTH}u) {
    for (var e = local; e < ${TILE * DEPTH}u; e += 256u) {
      let k = e % ${DEPTH}u;
      let line = e / ${DEPTH}u;
      let isInside = word + k < ${words}u;
      q[k * ${TILE + 1}u + line] = select(0u, quantised[min(firstRow + line, ${rows - 1}u) * ${words}u + min(word + k, ${words - 1}u)], isInside);
      t[k * ${TILE + 1}u + line] = select(0u, trits[min(firstOutput + line, ${outputs - 1}u) * ${words}u + min(word + k, ${words - 1}u)], isInside);
    }
    workgroupBarrier();
    for (var k = 0u; k < ${DEPTH}u; k++) {
      let at = k * ${TILE + 1}u;
      ${fours((b) => `let t${b} = t[at + x + ${16 * b}u];`)}
      ${fours((a) => `{ let row = q[at + y + ${16 * a}u]; sum${a} += vec4(dot4I8Packed(row, t0), dot4I8Packed(row, t1), dot4I8Packed(row, t2), dot4I8Packed(row, t3)); }`)}
    }
    workgroupBarrier();
  }
  ${fours(
    (a) => /* wgsl */ `
  {
    let row = firstRow + y + ${16 * a}u;
    if (row < ${rows}u) {
      let values = vec4<f32>(sum${a}) * (mean[0] * stats[row].z);
      ${fours(
        (b) => /* wgsl */ `
      {
        let output = firstOutput + x + ${16 * b}u;
        let at = row * ${outputs}u + output;
        if (output < ${outputs}u) { out[at] = ${addsBase ? 'base[at] + ' : ''}values[${b}]; }
      }`,
      )}
    }
  }`,
  )}
}
`;
}
