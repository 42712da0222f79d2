/**
 * WGSL: lb[l] = s[1] + … + s[l], s the softmax of `lower_bounds` over layers, and back (docs/TRAINING.md, section 4).
 * One invocation a channel.
 */

const SIZE = 64;

export function lowerBoundsGroups(width: number): number {
  return Math.ceil(width / SIZE);
}

const share = (layers: number, width: number): string => /* wgsl */ `
  if (id.x >= ${width}u) { return; }
  var top = latent[id.x];
  for (var l = 1u; l < ${layers}u; l++) { top = max(top, latent[l * ${width}u + id.x]); }
  var sum = 0.0;
  for (var l = 0u; l < ${layers}u; l++) { sum += exp(latent[l * ${width}u + id.x] - top); }`;

/** A layer's bounds lie `stride` apart, so that they can be bound alone. */
export function lowerBounds(layers: number, width: number, stride: number): string {
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> latent: array<f32>;
@group(0) @binding(1) var<storage, read_write> bounds: array<f32>;
@compute @workgroup_size(${SIZE})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  ${share(layers, width)}
  var bound = 0.0;
  for (var l = 1u; l < ${layers}u; l++) {
    bound += exp(latent[l * ${width}u + id.x] - top) / sum;
    bounds[l * ${stride}u + id.x] = bound;
  }
}
`;
}

/** ds[j] = Σ_{l ≥ j} dlb[l] for j ≥ 1, then s·(ds − Σ s·ds). */
export function lowerBoundsBack(layers: number, width: number, stride: number): string {
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> latent: array<f32>;
@group(0) @binding(1) var<storage, read> dBounds: array<f32>;
@group(0) @binding(2) var<storage, read_write> gradient: array<f32>;
@compute @workgroup_size(${SIZE})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  ${share(layers, width)}
  var later = 0.0;
  var mean = 0.0;
  for (var l = ${layers - 1}u; l > 0u; l--) {
    later += dBounds[l * ${stride}u + id.x];
    mean += exp(latent[l * ${width}u + id.x] - top) / sum * later;
  }
  for (var l = 1u; l < ${layers}u; l++) {
    gradient[l * ${width}u + id.x] += exp(latent[l * ${width}u + id.x] - top) / sum * (later - mean);
    later -= dBounds[l * ${stride}u + id.x];
  }
  gradient[id.x] -= exp(latent[id.x] - top) / sum * mean;
}
`;
}
