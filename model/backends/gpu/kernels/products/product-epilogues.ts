/**
 * WGSL: what is done with the outputs of a product of many rows, whichever kernel computes it.
 *
 * Each epilogue declares its bindings (row-bindings.ts; what the head leaves is binding 3 of group 0) and
 * `fn finish(token: u32, outputRow: u32, product: u32, out: i32)`, or, where rows come in pairs,
 * `fn finishPair(token: u32, pair: u32, even: i32, odd: i32)`. `out` is the output of step H, before any saturation.
 */
import type { ModelShape } from '../../../../../protocol/image/model-shape.js';
import { vectorLayout } from '../../weights/vector-layout.js';
import { CRC, rowSize, sigmoid, VECTOR_AT } from '../arithmetic.js';
import { GLU } from '../glu.js';
import { VECTORS } from '../layer-bindings.js';
import { ROW_CRC_FACTORS, ROW_TABLES, rowResidual, rowScratch, rowWords } from '../row-bindings.js';

export interface Epilogue {
  readonly declarations: string;
  readonly pairs: boolean;
  /**
   * WGSL statements before everything (a barrier follows) and after all outputs, in uniform control flow, with `local`.
   */
  readonly begin?: string;
  readonly end?: string;
}

/** i becomes silu(i), f the forget complement c, g stays: three planes of `scratch`, [plane][capacity][width]. */
export function mixing(shape: ModelShape, capacity: number, size: number): Epilogue {
  const { clb } = vectorLayout(shape).layer;
  const width = 4 * rowSize(shape.hiddenSize).words;
  return {
    pairs: false,
    begin: 'loadSigma(local);',
    declarations: /* wgsl */ `
${ROW_TABLES}
${VECTORS}
${rowScratch('i32')}
${sigmoid(size)}
${VECTOR_AT}
fn finish(token: u32, outputRow: u32, product: u32, out: i32) {
  let at = (product * ${capacity}u + token) * ${width}u + outputRow;
  let p = sat16(out);
  if (product == 0u) {
    scratch[at] = p * sigmoid(up3(p));
  } else if (product == 1u) {
    scratch[at] = (sigmoid(up3(-p)) * vectorAt(${clb}u, outputRow) + 0x4000) >> 15u;
  } else {
    scratch[at] = p;
  }
}
`,
  };
}

/** Added to the residual. */
export function adding({ hiddenSize }: ModelShape): Epilogue {
  return {
    pairs: false,
    declarations: /* wgsl */ `
${rowResidual('i32')}
fn finish(token: u32, outputRow: u32, product: u32, out: i32) {
  let at = token * ${4 * rowSize(hiddenSize).words}u + outputRow;
  x[at] = sat31(x[at] + sat31(out));
}
`,
  };
}

/** z = silu(gate)·up. */
export function gating(shape: ModelShape, capacity: number, size: number): Epilogue {
  const { productsAt } = rowWords(shape, capacity);
  return {
    pairs: true,
    begin: 'loadSigma(local);',
    declarations: /* wgsl */ `
${ROW_TABLES}
${rowScratch('i32')}
${sigmoid(size)}
${GLU}
fn finishPair(token: u32, pair: u32, even: i32, odd: i32) {
  scratch[${4 * productsAt}u + token * ${4 * rowSize(shape.intermediateSize).words}u + pair] = glu(even, odd);
}
`,
  };
}

/** Logits of all rows. */
export function scoring({ vocabSize }: ModelShape): Epilogue {
  return {
    pairs: false,
    declarations: /* wgsl */ `
@group(0) @binding(3) var<storage, read_write> logits: array<i32>;
fn finish(token: u32, outputRow: u32, product: u32, out: i32) { logits[token * ${vocabSize}u + outputRow] = sat31(out); }
`,
  };
}

/** Receipts of all rows; their logits are not kept. @param tile tokens of a workgroup @param size its invocations */
export function checking({ vocabSize }: ModelShape, tile: number, size: number): Epilogue {
  return {
    pairs: false,
    declarations: /* wgsl */ `
${ROW_CRC_FACTORS}
@group(0) @binding(3) var<storage, read_write> receipts: array<atomic<u32>>;
var<workgroup> crcOfRows: array<atomic<u32>, ${tile}>;
${CRC}
fn finish(token: u32, outputRow: u32, product: u32, out: i32) {
  atomicXor(&crcOfRows[token % ${tile}u], crcTerm(u32(sat31(out)), ${vocabSize - 1}u - outputRow));
}
`,
    begin: `for (var t = local; t < ${tile}u; t += ${size}u) { atomicStore(&crcOfRows[t], 0u); }`,
    end: /* wgsl */ `
  workgroupBarrier();
  for (var t = local; t < ${tile}u; t += ${size}u) {
    if (firstToken + t < size.tokens) { atomicXor(&receipts[firstToken + t], atomicLoad(&crcOfRows[t])); }
  }`,
  };
}
