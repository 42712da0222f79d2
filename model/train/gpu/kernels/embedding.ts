/**
 * WGSL: rows of the embedding, forth and back. Back, the rows of the batch come sorted by their token, so each row of
 * the gradient is one sum in a fixed order, without atomics.
 */

const SIZE = 64;

/** One workgroup a row. */
export function embed(hidden: number): string {
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> embeddings: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(2) var<storage, read_write> x: array<vec4<f32>>;
@compute @workgroup_size(${SIZE})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let source = ids[group.x] * ${hidden / 4}u;
  for (var k = local; k < ${hidden / 4}u; k += ${SIZE}u) { x[group.x * ${hidden / 4}u + k] = embeddings[source + k]; }
}
`;
}

/** `runs`: token, first and end in `order`; where first = end there is nothing. One workgroup a run. */
export function embedBack(hidden: number): string {
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> dx: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> order: array<u32>;
@group(0) @binding(2) var<storage, read> runs: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read_write> gradient: array<vec4<f32>>;
@compute @workgroup_size(${SIZE})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let run = runs[group.x];
  if (run.y == run.z) { return; }
  for (var k = local; k < ${hidden / 4}u; k += ${SIZE}u) {
    var sum = vec4<f32>(0.0);
    for (var at = run.y; at < run.z; at++) { sum += dx[order[at] * ${hidden / 4}u + k]; }
    gradient[run.x * ${hidden / 4}u + k] += sum;
  }
}
`;
}
