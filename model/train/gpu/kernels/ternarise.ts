/**
 * WGSL: t = clamp(round(W/m), −1, 1) of all ternary matrices, four to a word. As the packer does: W times the inverse
 * of m, in float32.
 */
import { BLOCK, MEAN_STRIDE } from '../parameter-layout.js';

/** One workgroup a block; `matrixOf` says whose block it is. @param halves whether they are left as half floats too */
export function ternarise(halves: boolean): string {
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> parameters: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> means: array<f32>;
@group(0) @binding(2) var<storage, read> matrixOf: array<u32>;
@group(0) @binding(3) var<storage, read_write> trits: array<u32>;
${halves ? '@group(0) @binding(4) var<storage, read_write> halves: array<vec2<u32>>;' : ''}
@compute @workgroup_size(${BLOCK / 4})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let block = group.y * groups.x + group.x;
  if (block >= arrayLength(&matrixOf)) { return; }
  let at = block * ${BLOCK / 4}u + local;
  let scaled = parameters[at] * (1.0 / means[matrixOf[block] * ${MEAN_STRIDE}u]);
  // Ties to even: a half rounds to zero.
  let t = select(select(vec4(0), vec4(-1), scaled < vec4(-0.5)), vec4(1), scaled > vec4(0.5));
  trits[at] = pack4xI8(t);
  ${halves ? 'let f = vec4<f32>(t); halves[at] = vec2(pack2x16float(f.xy), pack2x16float(f.zw));' : ''}
}
`;
}
