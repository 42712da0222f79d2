/**
 * docs/ARITHMETIC.md, section 9, in plain doubles: from the float tensors of a small checkpoint to the bytes of an
 * image.
 *
 * Tensors are given as float32 (F16 and BF16 widen exactly; the order of their sums is that of F32 here). Names and
 * shapes are those of the published checkpoints.
 */
import type { ModelSections, ModelShape } from '../../protocol/image/model-shape.js';
import { checkedScale, writeSections } from './integer-model.js';
import type { EmbeddingRow, IntegerLayer, Product, Scale, TernaryMatrix } from './integer-model.js';
import { at } from './primitives.js';

/** Checkpoint tensors by name, in storage order. */
export type FloatTensors = ReadonlyMap<string, Float32Array>;

/** Q formats of the outputs: pre-activations, and residual additions and logits. */
const PRE_ACTIVATION_BITS = 8;
const RESIDUAL_BITS = 12;

/** Packs a checkpoint. Throws `RangeError` on a missing tensor and on constants that the format cannot hold. */
export function packPlainly(shape: ModelShape, tensors: FloatTensors, useLowerBound: boolean): ModelSections {
  const { hiddenSize: h, intermediateSize: i, vocabSize } = shape;
  const tensor = (name: string): Float32Array => {
    const values = tensors.get(name);
    if (values === undefined) throw new RangeError(`no tensor ${name}`);
    return values;
  };
  const mantissas = (name: string): bigint[] => quantiseGains(tensor(`${name}.weight`)).mantissas;
  const product = (name: string, rows: number, columns: number, fractionBits: number): Product => {
    const { trits, m } = ternarise(tensor(`${name}.weight`));
    const { mantissas: gain, ge } = quantiseGains(tensor(`${name}.norm.weight`));
    return { scale: scaleConstant(m, columns, ge, fractionBits), gain, matrix: { rows, columns, trits } };
  };
  const clb = useLowerBound
    ? lowerBoundComplements(tensor('model.lower_bounds'), h)
    : Array.from({ length: shape.layers }, () => Array<bigint>(h).fill(32767n));

  const layers = Array.from({ length: shape.layers }, (_, l): IntegerLayer => {
    const name = `model.layers.${l}`;
    const gNorm = quantiseGains(tensor(`${name}.attn.g_norm.weight`));
    const gate = product(`${name}.mlp.gate_proj`, 2 * i, h, PRE_ACTIVATION_BITS);
    return {
      attnNorm: mantissas(`${name}.attn_norm`),
      i: product(`${name}.attn.i_proj`, h, h, PRE_ACTIVATION_BITS),
      f: product(`${name}.attn.f_proj`, h, h, PRE_ACTIVATION_BITS),
      g: product(`${name}.attn.g_proj`, h, h, PRE_ACTIVATION_BITS),
      clb: at(clb, l),
      gNorm: gNorm.mantissas,
      gEpsShift: BigInt(34 + 2 * gNorm.ge),
      o: product(`${name}.attn.o_proj`, h, h, RESIDUAL_BITS),
      mlpNorm: mantissas(`${name}.mlp_norm`),
      gateUp: { ...gate, matrix: interleaveHalves(gate.matrix) },
      down: product(`${name}.mlp.down_proj`, h, i, RESIDUAL_BITS),
    };
  });
  return writeSections({
    shape,
    ...quantiseEmbedding(tensor('model.embeddings.weight'), h),
    layers,
    finalNorm: mantissas('model.norm'),
    head: product('lm_head', vocabSize, h, RESIDUAL_BITS),
  });
}

/** "Ternary tensor": t and m. */
export function ternarise(W: Float32Array): { trits: Int8Array; m: number } {
  let total = 0;
  for (const value of W) total += Math.abs(value);
  const m = Math.fround(Math.max(Math.fround(total / W.length), 1e-5));
  const inverse = Math.fround(1 / m);
  const trits = Int8Array.from(W, (value) => Math.max(-1, Math.min(1, roundHalfToEven(Math.fround(value * inverse)))));
  return { trits, m };
}

/** "Gain tensor": mantissas and exponent ge. */
export function quantiseGains(w: Float32Array): { mantissas: bigint[]; ge: number } {
  const largest = largestOf(w);
  let ge = -17;
  if (largest === 0) ge = 0;
  while (largest > 32767 * 2 ** ge) ge++;
  return { mantissas: Array.from(w, (value) => BigInt(clampTo32767(roundHalfUp(value * 2 ** -ge)))), ge };
}

/** "Scale constant" of a product with N columns. */
export function scaleConstant(m: number, columns: number, ge: number, fractionBits: number): Scale {
  const K = (m * Math.sqrt(columns) * 2 ** (ge + fractionBits)) / 127;
  const em = floorLog2(K) - 14;
  const mm = roundHalfUp(K * 2 ** -em);
  return mm === 32768 ? checkedScale(16384n, BigInt(em + 1)) : checkedScale(BigInt(mm), BigInt(em));
}

/** "Lower bounds": clb[l][k] of `lower_bounds` [L, H]. */
export function lowerBoundComplements(lowerBounds: Float32Array, h: number): bigint[][] {
  const rows = splitRows(lowerBounds, h).map((row) => [...row]);
  const complements = rows.map((row) => row.map(() => 0n));
  for (let k = 0; k < h; k++) {
    const column = rows.map((row) => at(row, k));
    const largest = Math.max(...column);
    const exponentials = column.map((value) => Math.exp(value - largest));
    const total = exponentials.reduce((sum, value) => sum + value, 0);
    const softmax = exponentials.map((value) => value / total);
    let cumulative = 0;
    for (const [l, share] of softmax.entries()) {
      cumulative += share;
      const bound = l === 0 ? 0 : cumulative - at(softmax, 0);
      at(complements, l)[k] = BigInt(clampTo32767(roundHalfUp((1 - bound) * 32768)));
    }
  }
  return complements;
}

/** "Embedding row", all of them, and the common shift. */
export function quantiseEmbedding(E: Float32Array, h: number): { embedding: EmbeddingRow[]; embeddingShift: bigint } {
  const rows = splitRows(E, h).map((values) => ({ values, scale: largestOf(values) / 127 }));
  let B = 27;
  while (rows.some(({ scale }) => roundHalfUp(scale * 2 ** B) > 32767)) B--;
  const embedding = rows.map(({ values, scale }) => ({
    rowScale: BigInt(roundHalfUp(scale * 2 ** B)),
    row: Array.from(values, (value) => (scale === 0 ? 0n : BigInt(roundHalfUp(value / scale)))),
  }));
  return { embedding, embeddingShift: BigInt(B - 12) };
}

/** Rows 0 … I−1 are gates and I … 2I−1 ups in a checkpoint; they alternate in an image. */
function interleaveHalves({ rows, columns, trits }: TernaryMatrix): TernaryMatrix {
  const interleaved = trits.map((_, index) => {
    const row = Math.floor(index / columns);
    const source = Math.floor(row / 2) + (row % 2) * (rows / 2);
    return at(trits, source * columns + (index % columns));
  });
  return { rows, columns, trits: interleaved };
}

function splitRows(values: Float32Array, length: number): Float32Array[] {
  return Array.from({ length: values.length / length }, (_, row) => values.subarray(row * length, (row + 1) * length));
}

function largestOf(values: Float32Array): number {
  return values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
}

function roundHalfUp(value: number): number {
  return Math.floor(value + 0.5);
}

function roundHalfToEven(value: number): number {
  const below = Math.floor(value);
  const fraction = value - below;
  if (fraction === 0.5) return below % 2 === 0 ? below : below + 1;
  return fraction < 0.5 ? below : below + 1;
}

function clampTo32767(value: number): number {
  return Math.max(-32767, Math.min(32767, value));
}

/** Exact, unlike `Math.floor(Math.log2(value))`. */
function floorLog2(value: number): number {
  let exponent = 0;
  while (2 ** exponent > value) exponent--;
  while (2 ** (exponent + 1) <= value) exponent++;
  return exponent;
}
