/**
 * WGSL: the recurrence, h = h + mul15(s − h, c), over the tokens of a prompt. The rounding of each step makes it
 * sequential in time, but channels are independent: one invocation each. The states replace the first plane of
 * `scratch`; the second holds c (see product-epilogues.ts).
 */
import type { ModelShape } from '../../../../protocol/image/model-shape.js';
import { ARITHMETIC, rowSize } from './arithmetic.js';
import { states } from './layer-bindings.js';
import { rowScratch, SIZE } from './row-bindings.js';

const WORKGROUP = 32;
/** Tokens that are fetched before they are needed: only the arithmetic is a chain. */
const AHEAD = 16;

/** Workgroups for H channels. */
export function scanWorkgroups(shape: ModelShape): number {
  return Math.ceil(shape.hiddenSize / WORKGROUP);
}

/** Words of one sequence's state in a layer's. */
export function stateWidth({ hiddenSize }: ModelShape): number {
  return 4 * rowSize(hiddenSize).words;
}

export function scanTokens(shape: ModelShape, capacity: number): string {
  const width = stateWidth(shape);
  const each = (line: (k: number) => string): string => Array.from({ length: AHEAD }, (_, k) => line(k)).join('\n    ');
  return /* wgsl */ `
${ARITHMETIC}
${SIZE}
${states('i32')}
${rowScratch('i32')}

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let channel = id.x;
  if (channel >= ${shape.hiddenSize}u) { return; }
  let place = size.sequence * ${width}u + channel;
  var h = state[place];
  var at = channel;
  let end = channel + size.tokens * ${width}u;
  const toForget = ${capacity * width}u;
  for (; at + ${(AHEAD - 1) * width}u < end; at += ${AHEAD * width}u) {
    ${each((k) => `let s${k} = scratch[at + ${k * width}u]; let c${k} = scratch[toForget + at + ${k * width}u];`)}
    ${each((k) => `h += mul15(s${k} - h, c${k}); scratch[at + ${k * width}u] = h;`)}
  }
  for (; at < end; at += ${width}u) {
    h += mul15(scratch[at] - h, scratch[toForget + at]);
    scratch[at] = h;
  }
  state[place] = h;
}
`;
}
