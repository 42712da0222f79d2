/**
 * From float parameters to the integers of the image: gains, scale constants, lower bounds, embedding rows.
 *
 * docs/ARITHMETIC.md, section 9. Doubles, only operations that IEEE 754 rounds exactly, except `exp` in the lower
 * bounds (15-bit results).
 */

/** Mantissas of a norm weight and their common exponent: w ≈ mantissa·2^exponent. */
export interface Gain {
  readonly mantissas: Int16Array;
  readonly exponent: number;
}

/** Smallest gain exponent, so that the ε shift of the g norm cannot be negative. */
const MIN_GAIN_EXPONENT = -17;

/** Quantises a norm weight to 16 bits. */
export function quantiseGain(weight: Float32Array): Gain {
  const largest = largestMagnitude(weight);
  if (largest === 0) return { mantissas: new Int16Array(weight.length), exponent: 0 };
  let exponent = MIN_GAIN_EXPONENT;
  while (largest > 32767 * 2 ** exponent) exponent++;
  const mantissas = Int16Array.from(weight, (w) =>
    Math.max(-32767, Math.min(32767, Math.floor(w * 2 ** -exponent + 0.5))),
  );
  return { mantissas, exponent };
}

/** mantissa·2^exponent, 2¹⁴ ≤ mantissa < 2¹⁵. */
export interface ScaleConstant {
  readonly mantissa: number;
  readonly exponent: number;
}

/**
 * The constant of one product: K = mean·√columns·2^(gainExponent + outputBits) / 127.
 *
 * @param mean mean |W| of the ternary tensor, as `TernaryScale` gives it
 * @param outputBits fraction bits of the output: 8 for pre-activations, 12 for residual and logits
 */
export function scaleConstant(mean: number, columns: number, gainExponent: number, outputBits: number): ScaleConstant {
  const k = (mean * Math.sqrt(columns) * 2 ** (gainExponent + outputBits)) / 127;
  const exponent = floorLog2(k) - 14;
  const mantissa = Math.floor(k * 2 ** -exponent + 0.5);
  return mantissa === 32768 ? { mantissa: 16384, exponent: exponent + 1 } : { mantissa, exponent };
}

/** ⌊log₂ a⌋ for a normal double a > 0, exact. */
function floorLog2(a: number): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, a);
  return ((view.getUint16(0) >> 4) & 0x7ff) - 1023;
}

/** Right shift that takes Σ g² (Q16) times ε = 2⁻²⁰ to the unit of the o input. */
export function gEpsilonShift(gainExponent: number): number {
  return 34 + 2 * gainExponent;
}

/**
 * 1 − lower bound of every forget gate, Q15: [L][H] from `lower_bounds` [L][H] (docs/ARITHMETIC.md: cumulative softmax
 * over layers). `undefined` means a model without bounds: all 32767.
 */
export function forgetScales(lowerBounds: Float32Array | undefined, layers: number, hidden: number): Int16Array[] {
  const scales = Array.from({ length: layers }, () => new Int16Array(hidden).fill(32767));
  if (lowerBounds === undefined) return scales;
  for (let k = 0; k < hidden; k++) {
    let largest = -Infinity;
    for (let l = 0; l < layers; l++) largest = Math.max(largest, lowerBounds[l * hidden + k]);
    const exponentials: number[] = [];
    let sum = 0;
    for (let l = 0; l < layers; l++) {
      exponentials.push(Math.exp(lowerBounds[l * hidden + k] - largest));
      sum += exponentials[l];
    }
    let bound = 0;
    for (let l = 1; l < layers; l++) {
      bound += exponentials[l] / sum;
      scales[l][k] = Math.max(0, Math.min(32767, Math.floor((1 - bound) * 32768 + 0.5)));
    }
  }
  return scales;
}

/**
 * Bits of fraction that all embedding row scales share: the largest B ≤ 27 for which the largest scale fits 15 bits.
 */
export function embeddingScaleBits(largestValue: number): number {
  let bits = 27;
  while (Math.floor((largestValue / 127) * 2 ** bits + 0.5) > 32767) bits--;
  return bits;
}

/**
 * Writes one embedding row: u16 scale, H × int8 (padding stays zero).
 *
 * @param row [H] float values
 * @param out `embeddingStride` bytes, zeroed
 */
export function quantiseEmbeddingRow(row: Float32Array, scaleBits: number, out: Uint8Array): void {
  const largest = largestMagnitude(row);
  if (largest === 0) return;
  const scale = largest / 127;
  new DataView(out.buffer, out.byteOffset, 2).setUint16(0, Math.floor(scale * 2 ** scaleBits + 0.5), true);
  const values = new Int8Array(out.buffer, out.byteOffset + 2, row.length);
  for (let k = 0; k < row.length; k++) values[k] = Math.floor(row[k] / scale + 0.5);
}

/** max |value|. A plain loop: an embedding has tens of millions of values. */
export function largestMagnitude(values: Float32Array): number {
  let largest = 0;
  for (let k = 0; k < values.length; k++) {
    const magnitude = Math.abs(values[k]);
    if (magnitude > largest) largest = magnitude;
  }
  return largest;
}
