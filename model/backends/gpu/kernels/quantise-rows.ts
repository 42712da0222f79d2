/**
 * WGSL: steps A to D of the BitLinear unit for many rows at once (tokens of a prompt, or sequences of a batch), one workgroup each.
 *
 * Results: int8 in `quantised` ([product][row][words], four a word) and mantissa and shift of the outputs in `scales` ([product][row]).
 */
import type { ModelShape } from '../../../../protocol/image/model-shape.js';
import { vectorLayout } from '../vector-layout.js';
import { ARITHMETIC, rowSize, sigmoid } from './arithmetic.js';
import { CONTROL, CONTROL_WORDS } from './control.js';
import { quantiser, type QuantiserText } from './quantiser.js';
import { enableSubgroups, type Group } from './reduce.js';

/** @param capacity rows that the buffers hold */
function quantiseRows(
  text: Omit<QuantiserText, 'store'> & { readonly declarations: string; readonly begin?: string },
  capacity: number,
  group: Group,
): string {
  const { words } = text.row;
  return /* wgsl */ `${enableSubgroups(group)}
${ARITHMETIC}
@group(0) @binding(0) var<uniform> constants: array<vec4<i32>, 4>;
@group(0) @binding(1) var<storage, read> vectors: array<u32>;
@group(0) @binding(2) var<storage, read_write> quantised: array<u32>;
@group(0) @binding(3) var<storage, read_write> scales: array<vec2<i32>>;
var<private> row: u32;
${text.declarations}
${quantiser({ ...text, store: `quantised[(product * ${capacity}u + row) * ${words}u + word] = packed;` }, group)}

@compute @workgroup_size(${group.size})
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) workgroup: vec3<u32>) {
  row = workgroup.x;
  ${text.begin ?? ''}
  quantise(local);
  if (local < ${text.gains.length}u) { scales[local * ${capacity}u + row] = quantiserScales[local]; }
}
`;
}

function residualRows(
  { hiddenSize }: ModelShape,
  norm: number,
): { readonly declarations: string; readonly input: string } {
  return {
    declarations: '@group(0) @binding(4) var<storage, read> x: array<vec4<i32>>;',
    input: `mul15x4(x[row * ${rowSize(hiddenSize).words}u + word], gainWord(${norm}u, word))`,
  };
}

/** In front of i, f and g. */
export function quantiseForMixing(shape: ModelShape, capacity: number, group: Group): string {
  const { layer } = vectorLayout(shape);
  const { declarations, input } = residualRows(shape, layer.attnNorm);
  return quantiseRows(
    {
      declarations: /* wgsl */ `${declarations}
fn productScale(product: u32) -> vec2<i32> {
  if (product == 0u) { return constants[0].xy; }
  if (product == 1u) { return constants[0].zw; }
  return constants[1].xy;
}`,
      row: rowSize(shape.hiddenSize),
      gains: [layer.iGain, layer.fGain, layer.gGain],
      input,
      epsilon: 'vec2(0u)',
    },
    capacity,
    group,
  );
}

/**
 * In front of o, from states and gates. The states of `tokens` come from the scan; those of `sequences`, one step each, are made here, and kept unless
 * the run of the sequence has ended.
 */
export function quantiseMixed(shape: ModelShape, capacity: number, group: Group, mode: 'tokens' | 'sequences'): string {
  const { layer } = vectorLayout(shape);
  const { words } = rowSize(shape.hiddenSize);
  const plane = (index: number): string => `channels[${index * capacity * words}u + row * ${words}u + word]`;
  const states =
    mode === 'tokens'
      ? `fn stateWord(word: u32) -> vec4<i32> { return ${plane(0)}; }`
      : /* wgsl */ `
@group(0) @binding(6) var<storage, read_write> state: array<vec4<i32>>;
@group(0) @binding(7) var<storage, read> control: array<u32>;
fn stateWord(word: u32) -> vec4<i32> {
  let at = row * ${words}u + word;
  let before = state[at];
  let h = before + mul15x4(${plane(0)} - before, ${plane(1)});
  if (word < ${words}u && control[row * ${CONTROL_WORDS}u + ${CONTROL.done}u] == 0u) { state[at] = h; }
  return h;
}`;
  return quantiseRows(
    {
      declarations: /* wgsl */ `
@group(0) @binding(4) var<storage, read> tables: array<u32>;
@group(0) @binding(5) var<storage, read> channels: array<vec4<i32>>;
${sigmoid(group.size)}
${states}
fn swish(h: i32) -> i32 { return mul15(h, sigmoid(sat16(roundShift(h, 12u)))); }
fn mixedWord(h: vec4<i32>, g: vec4<i32>, norm: vec4<i32>) -> vec4<i32> {
  return mul15x4(vec4(swish(h.x), swish(h.y), swish(h.z), swish(h.w)), (g * norm + vec4(0x4000)) >> vec4(15u));
}
fn productScale(product: u32) -> vec2<i32> { return constants[1].zw; }`,
      row: rowSize(shape.hiddenSize),
      gains: [layer.oGain],
      begin: 'loadSigma(local);\n  workgroupBarrier();',
      input: `mixedWord(stateWord(word), ${plane(2)}, gainWord(${layer.gNorm}u, word))`,
      squared: plane(2),
      epsilon: 'shiftedSum(squares, u32(constants[3].x))',
    },
    capacity,
    group,
  );
}

/** In front of gate and up. */
export function quantiseForGlu(shape: ModelShape, capacity: number, group: Group): string {
  const { layer } = vectorLayout(shape);
  const { declarations, input } = residualRows(shape, layer.mlpNorm);
  return quantiseRows(
    {
      declarations: `${declarations}
fn productScale(product: u32) -> vec2<i32> { return constants[2].xy; }`,
      row: rowSize(shape.hiddenSize),
      gains: [layer.gateGain],
      input,
      epsilon: 'vec2(0u)',
    },
    capacity,
    group,
  );
}

/** In front of down. */
export function quantiseGlu(shape: ModelShape, capacity: number, group: Group): string {
  const { layer } = vectorLayout(shape);
  const { intermediateSize } = shape;
  const { words } = rowSize(intermediateSize);
  return quantiseRows(
    {
      declarations: /* wgsl */ `
@group(0) @binding(4) var<storage, read> products: array<vec4<i32>>;
fn productScale(product: u32) -> vec2<i32> { return constants[2].zw; }`,
      row: rowSize(intermediateSize),
      gains: [layer.downGain],
      input: `products[row * ${words}u + word]`,
      epsilon: `carried(0u, ${intermediateSize << 12}u)`,
    },
    capacity,
    group,
  );
}

/** In front of the head. */
export function quantiseForHead(shape: ModelShape, capacity: number, group: Group): string {
  const { head } = vectorLayout(shape);
  const { declarations, input } = residualRows(shape, head.finalNorm);
  return quantiseRows(
    {
      declarations: `${declarations}
fn productScale(product: u32) -> vec2<i32> { return constants[0].yz; }`,
      row: rowSize(shape.hiddenSize),
      gains: [head.headGain],
      input,
      epsilon: 'vec2(0u)',
    },
    capacity,
    group,
  );
}
