/**
 * WGSL: the recurrence, h = h + mul15(s − h, c), over the tokens of a prompt, or one step of each sequence of a batch.
 *
 * The rounding of each step makes it sequential in time, but channels are independent: one invocation each. The states replace `inputs`.
 */
import type { ModelShape } from '../../../../protocol/image/model-shape.js';
import { ARITHMETIC, rowSize } from './arithmetic.js';
import { CONTROL, CONTROL_WORDS } from './control.js';

const SIZE = 32;

/** Workgroups for H channels. */
export function scanWorkgroups(shape: ModelShape): number {
  return Math.ceil(shape.hiddenSize / SIZE);
}

/** Words of one sequence's state in a layer's. */
export function stateWidth({ hiddenSize }: ModelShape): number {
  return 4 * rowSize(hiddenSize).words;
}

/** All rows are tokens of one sequence. */
export function scanTokens(shape: ModelShape): string {
  const width = stateWidth(shape);
  return /* wgsl */ `
${ARITHMETIC}
struct Size { tokens: u32, sequence: u32, pad1: u32, pad2: u32 }
@group(0) @binding(0) var<uniform> size: Size;
@group(0) @binding(1) var<storage, read_write> state: array<i32>;
@group(0) @binding(2) var<storage, read_write> inputs: array<i32>;
@group(0) @binding(3) var<storage, read> forgets: array<i32>;

@compute @workgroup_size(${SIZE})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let channel = id.x;
  if (channel >= ${shape.hiddenSize}u) { return; }
  let place = size.sequence * ${width}u + channel;
  var h = state[place];
  var at = channel;
  let end = channel + size.tokens * ${width}u;
  // Eight tokens are fetched before they are needed: only the arithmetic is a chain.
  for (; at + ${7 * width}u < end; at += ${8 * width}u) {
    ${Array.from({ length: 8 }, (_, k) => `let s${k} = inputs[at + ${k * width}u]; let c${k} = forgets[at + ${k * width}u];`).join('\n    ')}
    ${Array.from({ length: 8 }, (_, k) => `h += mul15(s${k} - h, c${k}); inputs[at + ${k * width}u] = h;`).join('\n    ')}
  }
  for (; at < end; at += ${width}u) {
    h += mul15(inputs[at] - h, forgets[at]);
    inputs[at] = h;
  }
  state[place] = h;
}
`;
}

/** Each row is a step of its own sequence, whose run may have ended. */
export function scanSequences(shape: ModelShape): string {
  const width = stateWidth(shape);
  return /* wgsl */ `
${ARITHMETIC}
@group(0) @binding(0) var<storage, read> control: array<u32>;
@group(0) @binding(1) var<storage, read_write> state: array<i32>;
@group(0) @binding(2) var<storage, read_write> inputs: array<i32>;
@group(0) @binding(3) var<storage, read> forgets: array<i32>;

@compute @workgroup_size(${SIZE})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let channel = id.x;
  let row = id.y;
  if (channel >= ${shape.hiddenSize}u) { return; }
  let at = row * ${width}u + channel;
  let before = state[at];
  let h = before + mul15(inputs[at] - before, forgets[at]);
  inputs[at] = h;
  if (control[row * ${CONTROL_WORDS}u + ${CONTROL.done}u] == 0u) { state[at] = h; }
}
`;
}
