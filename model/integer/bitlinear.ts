/**
 * The BitLinear unit: norm, int8 quantisation, ternary product and output scale, in integers.
 *
 * docs/ARITHMETIC.md, section 4; the letters A … H are its steps. One unit serves every product of a model in turn.
 * Sums of squares reach 2⁴⁴ and are kept in a double, which holds integers to 2⁵³ exactly.
 */
import { bitLength, integerSquareRoot, mul15, roundShift } from './fixed-point.js';
import { ternaryProduct, type TernaryMatrix } from './ternary-product.js';

/** The constants of one product. */
export interface BitLinearWeights {
  readonly matrix: TernaryMatrix;
  /** Gains of the BitLinear's own norm, `columns` mantissas. */
  readonly gain: Int16Array;
  /** Scale constant mm·2^em, 2¹⁴ ≤ mm < 2¹⁵. */
  readonly scaleMantissa: number;
  readonly scaleExponent: number;
}

/** Output of norm15: a 15-bit mantissa and its exponent. */
interface Scale {
  mantissa: number;
  exponent: number;
}

/** Intermediate values of one product. */
export interface BitLinearTrace {
  /** n, step A. */
  readonly normalised: Int16Array;
  /** S, step B. */
  readonly sumOfSquares: number;
  /** q, step D; not set if all of u is zero. */
  readonly quantised: Int8Array;
  /** c and x, step G; not set if all of u is zero. */
  readonly scale: { readonly mantissa: number; readonly exponent: number };
}

/** Brings 2²⁸ ≤ p < 2³⁰ to 15 bits, rounding half up. */
function norm15(p: number, exponent: number, into: Scale): void {
  const drop = bitLength(p) - 15;
  const mantissa = roundShift(p, drop);
  const carry = mantissa === 32768;
  into.mantissa = carry ? 16384 : mantissa;
  into.exponent = exponent + drop + (carry ? 1 : 0);
}

/** One reusable unit with room for vectors of up to `maxColumns`. */
export class BitLinearUnit {
  readonly #normalised: Int16Array;
  readonly #gained: Int32Array;
  readonly #quantised: Int8Array;
  readonly #scale: Scale = { mantissa: 0, exponent: 0 };
  #columns = 0;
  #sumOfSquares = 0;

  constructor(maxColumns: number) {
    this.#normalised = new Int16Array(maxColumns);
    this.#gained = new Int32Array(maxColumns);
    this.#quantised = new Int8Array(maxColumns);
  }

  /**
   * Steps A and B: takes `columns` values |v| ≤ 2³⁰ to 16-bit block floating point.
   * `epsilon` (0 ≤ E < 2⁴³, an integer) is added to the sum of squares in the unit of v².
   */
  setInput(v: Int32Array, columns: number, epsilon: number): void {
    let magnitudes = 0;
    for (let k = 0; k < columns; k++) {
      const a = v[k];
      magnitudes |= a < 0 ? -a : a; // as many bits as the maximum
    }
    const shift = Math.max(0, bitLength(magnitudes) - 15);
    const n = this.#normalised;
    let sum = 0;
    for (let k = 0; k < columns; k++) {
      const mantissa = roundShift(v[k], shift);
      n[k] = mantissa > 32767 ? 32767 : mantissa;
      sum += n[k] * n[k];
    }
    this.#columns = columns;
    this.#sumOfSquares = sum + Math.floor(epsilon / 2 ** (2 * shift));
  }

  /** Steps C to H: `rows` outputs, not yet saturated to the caller's width. `out` has room for ⌈rows/5⌉·5. */
  multiply(weights: BitLinearWeights, out: Int32Array): void {
    const { matrix } = weights;
    const maximum = this.#applyGain(weights.gain);
    if (maximum === 0) {
      out.fill(0, 0, matrix.rows);
      return;
    }
    const drop = bitLength(maximum) - 15;
    const top = drop >= 0 ? maximum >> drop : maximum << -drop;
    this.#quantise(drop, top);
    ternaryProduct(matrix, this.#quantised, out);
    this.#outputScale(top, drop, weights);
    const { mantissa, exponent } = this.#scale;
    const shift = -exponent - 4;
    for (let r = 0; r < matrix.rows; r++) {
      out[r] = roundShift(mul15(out[r] << 11, mantissa), shift);
    }
  }

  /** What the last `setInput` and `multiply` left behind, for test vectors; valid until the next call. */
  inspect(): BitLinearTrace {
    return {
      normalised: this.#normalised.subarray(0, this.#columns),
      sumOfSquares: this.#sumOfSquares,
      quantised: this.#quantised.subarray(0, this.#columns),
      scale: { ...this.#scale },
    };
  }

  /** Step C: u = n·w; returns max |u|. */
  #applyGain(gain: Int16Array): number {
    const n = this.#normalised;
    const u = this.#gained;
    let maximum = 0;
    for (let k = 0; k < this.#columns; k++) {
      const product = Math.imul(n[k], gain[k]);
      u[k] = product;
      const magnitude = product < 0 ? -product : product;
      if (magnitude > maximum) maximum = magnitude;
    }
    return maximum;
  }

  /** Step D: q = round(127·u / max |u|). */
  #quantise(drop: number, top: number): void {
    const u = this.#gained;
    const q = this.#quantised;
    const reciprocal = Math.floor((127 << 22) / top);
    for (let k = 0; k < this.#columns; k++) {
      const short = drop >= 0 ? u[k] >> drop : u[k] << -drop;
      q[k] = (Math.imul(short, reciprocal) + (1 << 21)) >> 22;
    }
  }

  /** Steps F and G: max |u| / √S times the product's constant. */
  #outputScale(top: number, drop: number, weights: BitLinearWeights): void {
    const sum = this.#sumOfSquares;
    const bits = sum < 2 ** 32 ? bitLength(sum) : 32 + bitLength(Math.floor(sum / 2 ** 32));
    const half = Math.floor((bits - 29) / 2);
    const root = integerSquareRoot(Math.floor(sum * 2 ** (-2 * half)));
    const inverseRoot = Math.min(32767, Math.floor((2 ** 29 - 1) / root));
    const scale = this.#scale;
    norm15(Math.imul(top, inverseRoot), drop - 29 - half, scale);
    norm15(Math.imul(scale.mantissa, weights.scaleMantissa), scale.exponent + weights.scaleExponent, scale);
    if (scale.exponent > -4) {
      scale.mantissa = 32767;
      scale.exponent = -4;
    }
  }
}
