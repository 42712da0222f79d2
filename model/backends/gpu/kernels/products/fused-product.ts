/**
 * WGSL: a whole BitLinear unit for one token in one dispatch. Every workgroup quantises the whole input for itself,
 * which costs less than a dispatch of its own would, then multiplies its share of the rows, and its leading lanes do
 * what comes after.
 */
import { ARITHMETIC } from '../arithmetic.js';
import { CONSTANTS, matrices, VECTORS } from '../layer-bindings.js';
import { OUTPUT_SCALES, quantiser, type QuantiserText } from '../quantiser.js';
import { enableSubgroups, laneSum, type Group } from '../reduce.js';

/** How rows are dealt to invocations. */
export interface RowDeal extends Group {
  /** Neighbouring invocations that share a row: a power of two, at most the subgroup where those are used. */
  readonly lanes: number;
  /** Units that the same lanes work on, one after the other with the same activations. */
  readonly units: number;
}

export interface FusedProductText extends Omit<QuantiserText, 'store' | 'left'> {
  readonly declarations: string;
  /** Byte of the bound weights at which the matrix begins: a multiple of 16. */
  readonly matrixAt: number;
  /** What one epilogue needs: a channel with its rows of i, f and g, a pair of gate and up, or a single row. */
  readonly unitCount: number;
  /** Rows of a unit: the product (index of its gain) and the WGSL expression of the row's number, from `unit`. */
  readonly unitRows: readonly { readonly product: number; readonly row: string }[];
  /**
   * WGSL statements for one unit, executed by one invocation: `unit`, and `out0`, `out1`, … of its rows, before any
   * saturation.
   */
  readonly epilogue: string;
  /** What the epilogue needs from memory: names and WGSL expressions from `unit`, loaded before anything else. */
  readonly early?: Readonly<Record<string, string>>;
  /** WGSL statements before everything, in uniform control flow; a barrier follows. */
  readonly begin?: string;
}

/** Loads of 16 bytes of weights that an invocation begins before it has anything to multiply them with. */
const WEIGHTS_EARLY = 16;

/** Units of one workgroup. */
export function unitsPerWorkgroup({ size, lanes, units }: RowDeal): number {
  return (size / lanes) * units;
}

export function fusedProduct(text: FusedProductText, deal: RowDeal): string {
  const { row, gains, unitRows, unitCount } = text;
  const { size, lanes, units } = deal;
  const rows = unitRows.length * units;
  const store = `quantised[product][(word / 4u % 4u) * ${row.chunks}u + word / 16u][word % 4u] = packed;`;
  const turns = Math.ceil(row.chunks / lanes);
  const each = Array.from({ length: units }, (_, u) => unitRows.map((unitRow, k) => ({ u, k, ...unitRow }))).flat();
  const products = gains.map((_, p) => p);
  const turnsEarly = Array.from(
    { length: Math.min(turns, Math.max(1, Math.floor(WEIGHTS_EARLY / rows))) },
    (_, t) => t,
  );
  /** Chunk of an early turn: those behind the end are loaded from the end, and not used. */
  const chunkOf = (t: number): string =>
    (t + 1) * lanes <= row.chunks ? `${t * lanes}u + lane` : `min(${t * lanes}u + lane, ${row.chunks - 1}u)`;
  /** What belongs to this lane's unit. */
  const ofUnit = (value: (u: number) => string): string => {
    let chosen = value(0);
    for (let u = 1; u < units; u++) chosen = `select(${chosen}, ${value(u)}, lane == ${u}u)`;
    return chosen;
  };
  const multiply = (chunk: string, isWhole: boolean, weight: (u: number, k: number) => string): string => /* wgsl */ `{
    let chunk = ${chunk};
    ${isWhole ? '{' : `if (chunk < ${row.chunks}u) {`}
      ${products
        .map(
          (p) => `{
        let q0 = quantised[${p}][chunk];
        let q1 = quantised[${p}][${row.chunks}u + chunk];
        let q2 = quantised[${p}][${2 * row.chunks}u + chunk];
        let q3 = quantised[${p}][${3 * row.chunks}u + chunk];
        let correction = int8Sum(q0) + int8Sum(q1) + int8Sum(q2) + int8Sum(q3);
        ${each
          .filter(({ product }) => product === p)
          .map(({ u, k }) => {
            const sum = `sums[${u * unitRows.length + k}]`;
            return `{ let w = ${weight(u, k)}; ${sum} += codeDot(w.x, q0) + codeDot(w.y, q1) + codeDot(w.z, q2) + codeDot(w.w, q3) - correction; }`;
          })
          .join('\n        ')}
      }`,
        )
        .join('\n      ')}
    }
  }`;
  return /* wgsl */ `${enableSubgroups(deal)}
${ARITHMETIC}
${CONSTANTS}
${VECTORS}
${matrices('vec4<u32>')}
${text.declarations}
// Chunk c of 64 columns has its four vectors ${row.chunks} apart: neighbouring lanes read neighbouring words.
var<workgroup> quantised: array<array<vec4<u32>, ${4 * row.chunks}>, ${gains.length}>;
${quantiser({ ...text, store, left: OUTPUT_SCALES }, deal)}
${laneSum(rows, lanes, deal)}

@compute @workgroup_size(${size})
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {
  ${text.begin ?? ''}
  let lane = local % ${lanes}u;
  let first = (group.x * ${size / lanes}u + local / ${lanes}u) * ${units}u;
  ${Array.from({ length: units }, (_, u) => `let unit${u} = min(first + ${u}u, ${unitCount - 1}u);`).join('\n  ')}
  ${Object.entries(text.early ?? {})
    .map(([name, expression]) =>
      Array.from({ length: units }, (_, u) => `let ${name}${u} = ${expression.replaceAll('unit', `unit${u}`)};`).join(
        ' ',
      ),
    )
    .join('\n  ')}
  // The first weights are on their way while the activations are made.
  ${each.map(({ u, k, row: number }) => `let row${u}_${k} = ${text.matrixAt / 16}u + (${number.replaceAll('unit', `unit${u}`)}) * ${row.chunks}u;`).join('\n  ')}
  ${turnsEarly.map((t) => each.map(({ u, k }) => `let w${u}_${k}_${t} = weights[row${u}_${k} + ${chunkOf(t)}];`).join('\n  ')).join('\n  ')}
  quantise(local);
  var sums: array<i32, ${rows}>;
  ${turnsEarly
    .map((t) => multiply(`${t * lanes}u + lane`, (t + 1) * lanes <= row.chunks, (u, k) => `w${u}_${k}_${t}`))
    .join('\n  ')}
  ${
    turns > turnsEarly.length
      ? `for (var turn = ${turnsEarly.length}u; turn < ${turns}u; turn++) {
    ${multiply(`turn * ${lanes}u + lane`, row.chunks % lanes === 0, (u, k) => `weights[row${u}_${k} + chunk]`)}
  }`
      : ''
  }
  sums = laneSum(local, sums);
  // Each of the first lanes ends one unit. (Code for each unit would cost more to fetch than to run.)
  let unit = min(first + lane, ${unitCount - 1}u);
  if (lane < ${units}u && first + lane < ${unitCount}u) {
    ${Object.keys(text.early ?? {})
      .map((name) => `let ${name} = ${ofUnit((u) => `${name}${u}`)};`)
      .join('\n    ')}
    ${unitRows.map(({ product }, k) => `let out${k} = scaledOutput(${ofUnit((u) => `sums[${u * unitRows.length + k}]`)}, left[${product}]);`).join('\n    ')}
    ${text.epilogue}
  }
}
`;
}
