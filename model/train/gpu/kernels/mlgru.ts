/**
 * WGSL: the recurrence over the tokens of each sequence, forth and back (docs/TRAINING.md, section 4). Channels and
 * sequences are independent: one invocation for each channel of each sequence.
 */

const SIZE = 64;
/** Tokens that are fetched before they are needed: only the arithmetic is a chain. */
const AHEAD = 8;

const each = (line: (k: number) => string): string => Array.from({ length: AHEAD }, (_, k) => line(k)).join('\n    ');

/** Of both kernels. */
export function mlgruGroups(sequences: number, width: number): number {
  return Math.ceil((sequences * width) / SIZE);
}

const GATES = /* wgsl */ `
fn sigmoid(a: f32) -> f32 { return 1.0 / (1.0 + exp(-a)); }
`;

const start = (sequences: number, length: number, width: number): string => /* wgsl */ `
  if (id.x >= ${sequences * width}u) { return; }
  let channel = id.x % ${width}u;
  let first = (id.x / ${width}u) * ${length * width}u + channel;
  let low = bound[channel];`;

/** F = lb + (1 − lb)·σ(f), h_t = F·h_{t−1} + silu(i)·(1 − F). */
export function scanForth(sequences: number, length: number, width: number): string {
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> input: array<f32>;
@group(0) @binding(1) var<storage, read> gate: array<f32>;
@group(0) @binding(2) var<storage, read> bound: array<f32>;
@group(0) @binding(3) var<storage, read_write> states: array<f32>;
${GATES}
@compute @workgroup_size(${SIZE})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  ${start(sequences, length, width)}
  var h = 0.0;
  for (var t = 0u; t < ${length}u; t += ${AHEAD}u) {
    ${each((k) => `let at${k} = first + min(t + ${k}u, ${length - 1}u) * ${width}u; let i${k} = input[at${k}]; let f${k} = gate[at${k}];`)}
    ${each((k) => `if (t + ${k}u < ${length}u) { let forget = low + (1.0 - low) * sigmoid(f${k}); h = forget * h + i${k} * sigmoid(i${k}) * (1.0 - forget); states[at${k}] = h; }`)}
  }
}
`;
}

/** Gradients take the place of the pre-activations; that of the bound is left as one sum for each sequence. */
export function scanBack(sequences: number, length: number, width: number): string {
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read_write> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> gate: array<f32>;
@group(0) @binding(2) var<storage, read> bound: array<f32>;
@group(0) @binding(3) var<storage, read> states: array<f32>;
@group(0) @binding(4) var<storage, read> dStates: array<f32>;
@group(0) @binding(5) var<storage, read_write> dBound: array<f32>;
${GATES}
@compute @workgroup_size(${SIZE})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  ${start(sequences, length, width)}
  var later = 0.0;
  var sum = 0.0;
  for (var step = 0u; step < ${length}u; step += ${AHEAD}u) {
    ${each((k) => `let t${k} = ${length - 1}u - min(step + ${k}u, ${length - 1}u); let at${k} = first + t${k} * ${width}u; let i${k} = input[at${k}]; let f${k} = gate[at${k}]; let d${k} = dStates[at${k}]; let before${k} = select(0.0, states[max(at${k}, ${width}u) - ${width}u], t${k} > 0u);`)}
    ${each(
      (k) => /* wgsl */ `if (step + ${k}u < ${length}u) {
      let open = sigmoid(f${k});
      let forget = low + (1.0 - low) * open;
      let s = sigmoid(i${k});
      let delta = d${k} + later;
      let dForget = delta * (before${k} - i${k} * s);
      input[at${k}] = delta * (1.0 - forget) * s * (1.0 + i${k} * (1.0 - s));
      gate[at${k}] = dForget * (1.0 - low) * open * (1.0 - open);
      sum += dForget * (1.0 - open);
      later = delta * forget;
    }`,
    )}
  }
  dBound[id.x] = sum;
}
`;
}
