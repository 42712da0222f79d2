/**
 * WGSL: steps A to D of the BitLinear unit for many rows at once (tokens of a prompt, or sequences of a batch), one
 * workgroup each.
 *
 * Results in `quantised` (row-bindings.ts): int8, and the sums that the scale of the outputs is made of; the product
 * makes it, while it waits for weights.
 */
import type { ModelShape } from '../../../../protocol/image/model-shape.js';
import { vectorLayout } from '../weights/vector-layout.js';
import { ARITHMETIC, rowSize, sigmoid } from './arithmetic.js';
import { CONTROL, CONTROL_WORDS } from './control.js';
import { CONSTANTS, states, VECTORS } from './layer-bindings.js';
import { quantiser, SUMS, type QuantiserText } from './quantiser.js';
import { enableSubgroups, type Group } from './reduce.js';
import { quantisedRows, ROW_CONTROL, ROW_TABLES, rowResidual, rowScratch, rowWords } from './row-bindings.js';

/** @param capacity rows that the buffers hold */
function quantiseRows(
  shape: ModelShape,
  text: Omit<QuantiserText, 'store' | 'left'> & { readonly declarations: string; readonly begin?: string },
  capacity: number,
  group: Group,
): string {
  const { words } = text.row;
  const { sumsAt } = rowWords(shape, capacity);
  return /* wgsl */ `${enableSubgroups(group)}
${ARITHMETIC}
${CONSTANTS}
${VECTORS}
${quantisedRows('u32')}
var<private> row: u32;
${text.declarations}
${quantiser({ ...text, store: `quantised[(product * ${capacity}u + row) * ${words}u + word] = packed;`, left: SUMS }, group)}

@compute @workgroup_size(${group.size})
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) workgroup: vec3<u32>) {
  row = workgroup.x;
  ${text.begin ?? ''}
  quantise(local);
  if (local < ${text.gains.length}u) {
    let at = ${sumsAt}u + 4u * (local * ${capacity}u + row);
    for (var k = 0u; k < 4u; k++) { quantised[at + k] = left[local][k]; }
  }
}
`;
}

function residualRows(
  { hiddenSize }: ModelShape,
  norm: number,
): { readonly declarations: string; readonly input: string } {
  return {
    declarations: rowResidual('vec4<i32>'),
    input: `mul15x4(x[row * ${rowSize(hiddenSize).words}u + word], gainWord(${norm}u, word))`,
  };
}

/** In front of i, f and g. */
export function quantiseForMixing(shape: ModelShape, capacity: number, group: Group): string {
  const { layer } = vectorLayout(shape);
  const { declarations, input } = residualRows(shape, layer.attnNorm);
  return quantiseRows(
    shape,
    {
      declarations,
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
 * In front of o, from states and gates. The states of `tokens` come from the scan; those of `sequences`, one step each,
 * are made here, and kept unless the run of the sequence has ended.
 */
export function quantiseMixed(shape: ModelShape, capacity: number, group: Group, mode: 'tokens' | 'sequences'): string {
  const { layer } = vectorLayout(shape);
  const { words } = rowSize(shape.hiddenSize);
  const plane = (index: number): string => `scratch[${index * capacity * words}u + row * ${words}u + word]`;
  const state = `state[row * ${words}u + word]`;
  const parts = { gate: plane(2), silu: plane(0) };
  const step = {
    parts: { ...parts, forget: plane(1), before: state },
    stepping: /* wgsl */ `
${states('vec4<i32>')}
${ROW_CONTROL}
fn newState(word: u32, silu: vec4<i32>, forget: vec4<i32>, before: vec4<i32>) -> vec4<i32> {
  let h = before + mul15x4(silu - before, forget);
  if (word < ${words}u && control[row * ${CONTROL_WORDS}u + ${CONTROL.done}u] == 0u) { ${state} = h; }
  return h;
}`,
    stateWord: 'newState(word, silu, forget, before)',
  };
  const { stepping, stateWord, ...rest } = mode === 'sequences' ? step : { parts, stepping: '', stateWord: 'silu' };
  return quantiseRows(
    shape,
    {
      declarations: /* wgsl */ `
${ROW_TABLES}
${rowScratch('vec4<i32>')}
${sigmoid(group.size)}
${stepping}
fn swish(h: i32) -> i32 { return mul15(h, sigmoid(sat16(roundShift(h, 12u)))); }
fn mixedWord(h: vec4<i32>, g: vec4<i32>, norm: vec4<i32>) -> vec4<i32> {
  return mul15x4(vec4(swish(h.x), swish(h.y), swish(h.z), swish(h.w)), (g * norm + vec4(0x4000)) >> vec4(15u));
}`,
      row: rowSize(shape.hiddenSize),
      gains: [layer.oGain],
      ...rest,
      begin: 'loadSigma(local);',
      ready: 'workgroupBarrier();',
      input: `mixedWord(${stateWord}, gate, gainWord(${layer.gNorm}u, word))`,
      squared: 'gate',
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
    shape,
    {
      declarations,
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
    shape,
    {
      declarations: /* wgsl */ `
${rowScratch('vec4<i32>')}`,
      row: rowSize(intermediateSize),
      gains: [layer.downGain],
      input: `scratch[${rowWords(shape, capacity).productsAt}u + row * ${words}u + word]`,
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
    shape,
    {
      declarations,
      row: rowSize(shape.hiddenSize),
      gains: [head.headGain],
      input,
      epsilon: 'vec2(0u)',
    },
    capacity,
    group,
  );
}
