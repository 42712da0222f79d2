/** WGSL: z = silu(gate)·up and its way back (docs/TRAINING.md, section 5). A row of `u` is the gate and then up. */

const SIZE = 256;

/** One row of workgroups a row. */
export function gluGroups(rows: number, width: number): readonly [number, number] {
  return [Math.ceil(width / 4 / SIZE), rows];
}

const place = (width: number): string => /* wgsl */ `
  if (id.x >= ${width / 4}u) { return; }
  let gate = id.y * ${width / 2}u + id.x;
  let up = gate + ${width / 4}u;
  let at = id.y * ${width / 4}u + id.x;
  let a = u[gate];
  let s = 1.0 / (1.0 + exp(-a));`;

export function gluForth(width: number): string {
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> u: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> z: array<vec4<f32>>;
@compute @workgroup_size(${SIZE})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  ${place(width)}
  z[at] = a * s * u[up];
}
`;
}

/** The gradient takes the place of `u`. */
export function gluBack(width: number): string {
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read_write> u: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> dz: array<vec4<f32>>;
@compute @workgroup_size(${SIZE})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  ${place(width)}
  let d = dz[at];
  let b = u[up];
  u[gate] = d * b * s * (1.0 + a * (1.0 - s));
  u[up] = d * a * s;
}
`;
}
