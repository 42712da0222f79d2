/** WGSL: gradient += Σ of partial sums, which lie one behind the other, in their order. */

const SIZE = 64;
/** Workgroups in one direction. */
const WIDEST = 16_384;

export function sumPartialsGroups(length: number): readonly [number, number] {
  const groups = Math.ceil(length / SIZE);
  return [Math.min(groups, WIDEST), Math.ceil(groups / WIDEST)];
}

export function sumPartials(length: number, partials: number): string {
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> partials: array<f32>;
@group(0) @binding(1) var<storage, read_write> gradient: array<f32>;
@compute @workgroup_size(${SIZE})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let at = id.y * ${WIDEST * SIZE}u + id.x;
  if (at >= ${length}u) { return; }
  var sum = 0.0;
  for (var p = 0u; p < ${partials}u; p++) { sum += partials[p * ${length}u + at]; }
  gradient[at] += sum;
}
`;
}
