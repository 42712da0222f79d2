/**
 * WGSL: the recurrence over the tokens of each sequence, forth and back (docs/TRAINING.md, section 4). Channels and
 * sequences are independent, and there are few of both: so long sequences go in chunks. A first kernel finds what each
 * chunk makes of what comes into it, decay·h + rest; a second one begins each chunk with what those before it make of
 * zero. One invocation for each channel of each chunk.
 */

const SIZE = 64;
/** Tokens of a chunk; a sequence of less than two is one. */
const CHUNK = 128;
/** Tokens that are fetched before they are needed: only the arithmetic is a chain. */
const AHEAD = 8;

const each = (line: (k: number) => string): string => Array.from({ length: AHEAD }, (_, k) => line(k)).join('\n    ');

/** Of a sequence. */
export function scanChunks(length: number): number {
  return length < 2 * CHUNK ? 1 : Math.ceil(length / CHUNK);
}

/** Of all kernels. */
export function mlgruGroups(sequences: number, length: number, width: number): number {
  return Math.ceil((sequences * scanChunks(length) * width) / SIZE);
}

const GATES = /* wgsl */ `
fn sigmoid(a: f32) -> f32 { return 1.0 / (1.0 + exp(-a)); }
`;

/** Which chunk of which channel: its first element, and how many tokens it has. */
const start = (sequences: number, length: number, width: number): string => {
  const chunks = scanChunks(length);
  return /* wgsl */ `
  if (id.x >= ${sequences * chunks * width}u) { return; }
  let channel = id.x % ${width}u;
  let chunk = (id.x / ${width}u) % ${chunks}u;
  let firstToken = chunk * ${CHUNK}u;
  let first = ((id.x / ${chunks * width}u) * ${length}u + firstToken) * ${width}u + channel;
  let count = ${chunks === 1 ? `${length}u` : `min(${CHUNK}u, ${length}u - firstToken)`};
  let low = bound[channel];`;
};

const MAIN = /* wgsl */ `
@compute @workgroup_size(${SIZE})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {`;

/**
 * What chunks before this one leave, from the first on; or those behind it, from the last on. `carries` is bound at
 * `at`.
 */
const carried = (length: number, width: number, at: number, isBack: boolean): { binding: string; fold: string } => {
  const chunks = scanChunks(length);
  if (chunks === 1) return { binding: '', fold: '' };
  const other = isBack ? `${chunks - 1}u - k` : 'k';
  return {
    binding: `@group(0) @binding(${at}) var<storage, read> carries: array<vec2<f32>>;`,
    fold: /* wgsl */ `
  let sequence = id.x / ${chunks * width}u;
  for (var k = 0u; k < ${isBack ? `${chunks - 1}u - chunk` : 'chunk'}; k++) {
    let carry = carries[(sequence * ${chunks}u + ${other}) * ${width}u + channel];
    carried = carry.x * carried + carry.y;
  }`,
  };
};

/** What each chunk makes of the state in front of it, as decay and rest; of sequences in several chunks only. */
export function scanCarries(sequences: number, length: number, width: number): string {
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> input: array<f32>;
@group(0) @binding(1) var<storage, read> gate: array<f32>;
@group(0) @binding(2) var<storage, read> bound: array<f32>;
@group(0) @binding(3) var<storage, read_write> carries: array<vec2<f32>>;
${GATES}
${MAIN}
  ${start(sequences, length, width)}
  var carry = vec2(1.0, 0.0);
  for (var t = 0u; t < count; t += ${AHEAD}u) {
    ${each((k) => `let at${k} = first + min(t + ${k}u, count - 1u) * ${width}u; let i${k} = input[at${k}]; let f${k} = gate[at${k}];`)}
    ${each((k) => `if (t + ${k}u < count) { let forget = low + (1.0 - low) * sigmoid(f${k}); carry = forget * carry + vec2(0.0, i${k} * sigmoid(i${k}) * (1.0 - forget)); }`)}
  }
  carries[id.x] = carry;
}
`;
}

/** F = lb + (1 − lb)·σ(f), h_t = F·h_{t−1} + silu(i)·(1 − F). Carries are bound at 4 where there are several chunks. */
export function scanForth(sequences: number, length: number, width: number): string {
  const { binding, fold } = carried(length, width, 4, false);
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> input: array<f32>;
@group(0) @binding(1) var<storage, read> gate: array<f32>;
@group(0) @binding(2) var<storage, read> bound: array<f32>;
@group(0) @binding(3) var<storage, read_write> states: array<f32>;
${binding}
${GATES}
${MAIN}
  ${start(sequences, length, width)}
  var carried = 0.0;
  ${fold}
  var h = carried;
  for (var t = 0u; t < count; t += ${AHEAD}u) {
    ${each((k) => `let at${k} = first + min(t + ${k}u, count - 1u) * ${width}u; let i${k} = input[at${k}]; let f${k} = gate[at${k}];`)}
    ${each((k) => `if (t + ${k}u < count) { let forget = low + (1.0 - low) * sigmoid(f${k}); h = forget * h + i${k} * sigmoid(i${k}) * (1.0 - forget); states[at${k}] = h; }`)}
  }
}
`;
}

/** What each chunk makes of the gradient that comes from behind it, as decay and rest. */
export function scanBackCarries(sequences: number, length: number, width: number): string {
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> gate: array<f32>;
@group(0) @binding(1) var<storage, read> bound: array<f32>;
@group(0) @binding(2) var<storage, read> dStates: array<f32>;
@group(0) @binding(3) var<storage, read_write> carries: array<vec2<f32>>;
${GATES}
${MAIN}
  ${start(sequences, length, width)}
  var carry = vec2(1.0, 0.0);
  for (var step = 0u; step < count; step += ${AHEAD}u) {
    ${each((k) => `let at${k} = first + (count - 1u - min(step + ${k}u, count - 1u)) * ${width}u; let f${k} = gate[at${k}]; let d${k} = dStates[at${k}];`)}
    ${each((k) => `if (step + ${k}u < count) { carry = (low + (1.0 - low) * sigmoid(f${k})) * (carry + vec2(0.0, d${k})); }`)}
  }
  carries[id.x] = carry;
}
`;
}

/**
 * Gradients take the place of the pre-activations; that of the bound is left as one sum for each chunk. Carries are
 * bound at 6 where there are several chunks.
 */
export function scanBack(sequences: number, length: number, width: number): string {
  const { binding, fold } = carried(length, width, 6, true);
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read_write> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> gate: array<f32>;
@group(0) @binding(2) var<storage, read> bound: array<f32>;
@group(0) @binding(3) var<storage, read> states: array<f32>;
@group(0) @binding(4) var<storage, read> dStates: array<f32>;
@group(0) @binding(5) var<storage, read_write> dBound: array<f32>;
${binding}
${GATES}
${MAIN}
  ${start(sequences, length, width)}
  var carried = 0.0;
  ${fold}
  var later = carried;
  var sum = 0.0;
  for (var step = 0u; step < count; step += ${AHEAD}u) {
    ${each((k) => `let t${k} = count - 1u - min(step + ${k}u, count - 1u); let at${k} = first + t${k} * ${width}u; let i${k} = input[at${k}]; let f${k} = gate[at${k}]; let d${k} = dStates[at${k}]; let before${k} = select(0.0, states[max(at${k}, ${width}u) - ${width}u], firstToken + t${k} > 0u);`)}
    ${each(
      (k) => /* wgsl */ `if (step + ${k}u < count) {
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
