/**
 * Latent weights to ternary digits: t = clamp(round(W / mean|W|), −1, 1), in float32 from the type the file has.
 *
 * docs/ARITHMETIC.md, section 9; paper, equation 3. Weights lie close to ±½·mean, so nothing here passes through a
 * smaller type. F16 and BF16 have 65,536 values: their mean comes from a histogram and their digits from a table, one
 * look-up a weight.
 */
import { DTYPE_BYTES, toFloat32, type FloatDtype } from '../checkpoint/dtype.js';

/** Lowest mean |W|, as in the published code. */
const MIN_MEAN = 1e-5;

/** First pass over a tensor: mean |W|. Feed it every byte in order, in chunks of whole elements. */
export class AbsoluteMean {
  readonly #dtype: FloatDtype;
  readonly #histogram: Uint32Array | undefined;
  #sum = 0;
  #count = 0;

  constructor(dtype: FloatDtype) {
    this.#dtype = dtype;
    this.#histogram = dtype === 'F32' ? undefined : new Uint32Array(2 * 65_536);
  }

  add(bytes: Uint8Array): void {
    const histogram = this.#histogram;
    if (histogram) {
      const values = halves(bytes);
      // Two histograms in turn: the same value twice in a row need not wait for itself.
      let k = 0;
      for (; k + 1 < values.length; k += 2) {
        histogram[values[k]]++;
        histogram[65_536 + values[k + 1]]++;
      }
      if (k < values.length) histogram[values[k]]++;
    } else {
      for (const value of widen(this.#dtype, bytes)) this.#sum += Math.abs(value);
    }
    this.#count += bytes.length / DTYPE_BYTES[this.#dtype];
  }

  /** max(mean|W|, 1e-5) as float32; NaN or infinite if any weight is. */
  result(): number {
    const histogram = this.#histogram;
    if (histogram) {
      const values = allHalves(this.#dtype);
      this.#sum = 0;
      for (let half = 0; half < values.length; half++) {
        const count = histogram[half] + histogram[65_536 + half];
        if (count !== 0) this.#sum += count * Math.abs(values[half]);
      }
    }
    return Math.fround(Math.max(this.#sum / this.#count, MIN_MEAN));
  }
}

/** The digit (t + 1: 0, 1 or 2) of one weight. `inverseMean` is float32. */
export function digit(weight: number, inverseMean: number): number {
  const scaled = Math.fround(weight * inverseMean);
  return scaled > 0.5 ? 2 : scaled < -0.5 ? 0 : 1; // ties to even: ±0.5 rounds to 0
}

/** Second pass: rows of weights to bytes of five digits. One object per tensor. */
export class TernaryPacker {
  readonly #dtype: FloatDtype;
  readonly #inverseMean: number;
  readonly #digits: Uint8Array | undefined;

  constructor(dtype: FloatDtype, mean: number) {
    this.#dtype = dtype;
    this.#inverseMean = Math.fround(1 / mean);
    if (dtype !== 'F32') {
      const values = allHalves(dtype);
      this.#digits = new Uint8Array(values.length);
      for (let half = 0; half < values.length; half++) this.#digits[half] = digit(values[half], this.#inverseMean);
    }
  }

  /**
   * Packs five rows into one group.
   *
   * @param rows raw bytes of five rows of `out.length` elements, first row first; a missing row is all zeros, whose
   *   digit is 1
   * @param out [columns] the group's bytes
   */
  packGroup(rows: readonly Uint8Array[], out: Uint8Array): void {
    const digits = this.#digits;
    if (digits) {
      const [a, b, c, d, e] = rows.map(halves);
      for (let k = 0; k < out.length; k++) {
        out[k] = digits[a[k]] + 3 * digits[b[k]] + 9 * digits[c[k]] + 27 * digits[d[k]] + 81 * digits[e[k]];
      }
    } else {
      const [a, b, c, d, e] = rows.map((row) => widen(this.#dtype, row));
      const inverse = this.#inverseMean;
      for (let k = 0; k < out.length; k++) {
        out[k] =
          digit(a[k], inverse) +
          3 * digit(b[k], inverse) +
          9 * digit(c[k], inverse) +
          27 * digit(d[k], inverse) +
          81 * digit(e[k], inverse);
      }
    }
  }
}

function halves(bytes: Uint8Array): Uint16Array {
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice();
  return new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.length / 2);
}

function widen(dtype: FloatDtype, bytes: Uint8Array): Float32Array {
  const values = new Float32Array(bytes.length / DTYPE_BYTES[dtype]);
  toFloat32(dtype, bytes, values);
  return values;
}

/** The float32 value of each of the 65,536 patterns of a 16-bit type; 256 KiB each, built at first use. */
function allHalves(dtype: FloatDtype): Float32Array {
  let values = HALVES.get(dtype);
  if (values === undefined) {
    const patterns = new Uint16Array(65_536);
    for (let half = 0; half < patterns.length; half++) patterns[half] = half;
    values = widen(dtype, new Uint8Array(patterns.buffer));
    HALVES.set(dtype, values);
  }
  return values;
}

const HALVES = new Map<FloatDtype, Float32Array>();
