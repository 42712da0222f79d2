/**
 * WGSL: out = (Σ t·q)·m/s, exact in integers, in tiles of 64 rows × 64 outputs; optionally added to another
 * [rows][outputs]. Both factors are four int8 in a word, along the inputs.
 */

/** 16 × 16 invocations, 4 × 4 sums each. */
const TILE = 64;
/** Words of a row that are in workgroup memory at a time. */
const DEPTH = 16;
const STRIDE = TILE / 4 + 1;

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
// Four neighbouring rows or outputs are one vector; a line has one more, which spreads them over the banks.
var<workgroup> q: array<vec4<u32>, ${DEPTH * STRIDE}>;
var<workgroup> t: array<vec4<u32>, ${DEPTH * STRIDE}>;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let firstOutput = group.x * ${TILE}u;
  let firstRow = group.y * ${TILE}u;
  let x = local % 16u;
  let y = local / 16u;
  ${fours((a) => `var sum${a} = vec4<i32>(0);`)}
  for (var word = 0u; word < ${words}u; word += ${DEPTH}u) {
    for (var e = local; e < ${(TILE * DEPTH) / 4}u; e += 256u) {
      let k = e % ${DEPTH}u;
      let line = 4u * (e / ${DEPTH}u);
      var rows = vec4<u32>(0u);
      var outputs = vec4<u32>(0u);
      if (word + k < ${words}u) {
        ${fours((a) => `rows[${a}] = quantised[min(firstRow + line + ${a}u, ${rows - 1}u) * ${words}u + word + k];`)}
        ${fours((a) => `outputs[${a}] = trits[min(firstOutput + line + ${a}u, ${outputs - 1}u) * ${words}u + word + k];`)}
      }
      q[k * ${STRIDE}u + line / 4u] = rows;
      t[k * ${STRIDE}u + line / 4u] = outputs;
    }
    workgroupBarrier();
    for (var k = 0u; k < ${DEPTH}u; k++) {
      let rows = q[k * ${STRIDE}u + y];
      let outputs = t[k * ${STRIDE}u + x];
      ${fours((a) => `sum${a} += vec4(dot4I8Packed(rows[${a}], outputs.x), dot4I8Packed(rows[${a}], outputs.y), dot4I8Packed(rows[${a}], outputs.z), dot4I8Packed(rows[${a}], outputs.w));`)}
    }
    workgroupBarrier();
  }
  ${fours(
    (a) => /* wgsl */ `
  {
    let row = firstRow + 4u * y + ${a}u;
    if (row < ${rows}u) {
      let values = vec4<f32>(sum${a}) * (mean[0] * stats[row].z);
      ${fours(
        (b) => /* wgsl */ `
      {
        let output = firstOutput + 4u * x + ${b}u;
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
