/** WGSL: gradient += Σ of partial sums, which lie one behind the other, in a fixed order. */

const SIZE = 64;
/** Workgroups in one direction. */
const WIDEST = 16_384;
/** Of so many partial sums, several invocations share a place. */
const MANY = 64;
/** Places of a workgroup then, and invocations of a place. */
const PLACES = 16;

export function sumPartialsGroups(length: number, partials: number): readonly [number, number] {
  const groups = Math.ceil(length / (partials < MANY ? SIZE : PLACES));
  return [Math.min(groups, WIDEST), Math.ceil(groups / WIDEST)];
}

export function sumPartials(length: number, partials: number): string {
  const bindings = /* wgsl */ `
@group(0) @binding(0) var<storage, read> partials: array<f32>;
@group(0) @binding(1) var<storage, read_write> gradient: array<f32>;`;
  if (partials < MANY) {
    return /* wgsl */ `${bindings}
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
  return /* wgsl */ `${bindings}
var<workgroup> sums: array<f32, ${PLACES * PLACES}>;
@compute @workgroup_size(${PLACES * PLACES})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let at = (group.y * ${WIDEST}u + group.x) * ${PLACES}u + local % ${PLACES}u;
  var sum = 0.0;
  if (at < ${length}u) {
    for (var p = local / ${PLACES}u; p < ${partials}u; p += ${PLACES}u) { sum += partials[p * ${length}u + at]; }
  }
  sums[local] = sum;
  workgroupBarrier();
  if (local >= ${PLACES}u || at >= ${length}u) { return; }
  for (var lane = 1u; lane < ${PLACES}u; lane++) { sum += sums[lane * ${PLACES}u + local]; }
  gradient[at] += sum;
}
`;
}
