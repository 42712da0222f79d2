/**
 * The arithmetic of docs/ARITHMETIC.md as circuits do it, for the simulator: a second implementation beside
 * `model/integer/`, with which it shares nothing.
 *
 * Numbers are integers in doubles, exact to 2⁵³, and every shift is a division: nothing here can overflow or wrap
 * unnoticed. The largest product is that of `mul15`, below 2⁴⁶.
 */

/** A mantissa and its exponent. */
export interface Scale {
  readonly mantissa: number;
  readonly exponent: number;
}

/** min(max(a, −2^(width−1)), 2^(width−1) − 1). */
export function saturate(a: number, width: number): number {
  const limit = 2 ** (width - 1);
  return Math.min(Math.max(a, -limit), limit - 1);
}

/** ⌊a / 2^s⌋ for 0 ≤ s < 1,000. */
export function shiftRight(a: number, s: number): number {
  return Math.floor(a / 2 ** s);
}

/** ⌊(a + 2^(s−1)) / 2^s⌋; for s = 0 it is a. */
export function roundShift(a: number, s: number): number {
  return s === 0 ? a : Math.floor((a + 2 ** (s - 1)) / 2 ** s);
}

/** ⌊(a·b + 2¹⁴) / 2¹⁵⌋. */
export function mul15(a: number, b: number): number {
  return Math.floor((a * b + 2 ** 14) / 2 ** 15);
}

/** Number of binary digits of an integer 0 ≤ a < 2⁵³. */
export function bitLength(a: number): number {
  let count = 0;
  while (a >= 2 ** count) count++;
  return count;
}

/**
 * ⌊numerator / denominator⌋ for 0 ≤ numerator < 2³⁰ and denominator ≥ 1, a bit of the quotient a step, as a restoring
 * divider has it.
 */
export function divide(numerator: number, denominator: number): number {
  let quotient = 0;
  let rest = 0;
  for (let bit = 29; bit >= 0; bit--) {
    rest = 2 * rest + (shiftRight(numerator, bit) % 2);
    const fits = rest >= denominator;
    if (fits) rest -= denominator;
    quotient = 2 * quotient + (fits ? 1 : 0);
  }
  return quotient;
}

/** ⌊√a⌋ for 0 ≤ a < 2³⁰: a bit stays set where the square does not pass `a`. */
export function squareRoot(a: number): number {
  let root = 0;
  for (let bit = 14; bit >= 0; bit--) {
    const candidate = root + 2 ** bit;
    if (candidate * candidate <= a) root = candidate;
  }
  return root;
}

/** norm15 of section 4: 2²⁸ ≤ p < 2³⁰ to 15 bits. */
export function norm15(p: number, exponent: number): Scale {
  const drop = bitLength(p) - 15;
  const mantissa = roundShift(p, drop);
  return mantissa === 2 ** 15
    ? { mantissa: 2 ** 14, exponent: exponent + drop + 1 }
    : { mantissa, exponent: exponent + drop };
}

/** σ(p) of section 3, p in Q11, from the 256 entries that a block memory holds: entry 256 equals entry 255. */
export function sigma(table: Uint16Array, p: number): number {
  const a = Math.min(Math.abs(p), 32767);
  const j = shiftRight(a, 7);
  const low = table[j];
  const high = table[Math.min(j + 1, 255)];
  const y = low + shiftRight((high - low) * (a % 128) + 64, 7);
  return p < 0 ? 32768 - y : y;
}

/** σ of a pre-activation in Q8: up3, then σ. */
export function sigmaOfQ8(table: Uint16Array, p: number): number {
  return sigma(table, saturate(8 * p, 16));
}

/** Step F for S ≥ 1: s and ρ. */
export function inverseRoot(sumOfSquares: number): { readonly s: number; readonly rho: number } {
  const s = Math.floor((bitLength(sumOfSquares) - 29) / 2);
  const scaled = Math.floor(sumOfSquares / 2 ** (2 * s)); // exact for s < 0: a shift to the left
  return { s, rho: Math.min(32767, divide(2 ** 29 - 1, squareRoot(scaled))) };
}

/** Digits of each byte, five trits −1, 0, 1, the first row first: what is left of the byte is divided by three. */
const TRITS = Int8Array.from({ length: 243 * 5 }, (_, at) => (Math.floor(at / 5 / 3 ** (at % 5)) % 3) - 1);

/**
 * Step E: the sums of `rows` rows, in their order, one group of five after the other.
 *
 * @param bytes ⌈rows/5⌉ groups of `columns` bytes, each at most 242
 */
export function ternarySums(bytes: Uint8Array, rows: number, columns: number, q: Int32Array): Int32Array {
  const sums = new Int32Array(5 * Math.ceil(rows / 5));
  let at = 0;
  for (let row = 0; row < rows; row += 5) {
    let [a, b, c, d, e] = [0, 0, 0, 0, 0];
    for (let k = 0; k < columns; k++) {
      const digits = 5 * bytes[at++];
      const activation = q[k];
      a += TRITS[digits] * activation;
      b += TRITS[digits + 1] * activation;
      c += TRITS[digits + 2] * activation;
      d += TRITS[digits + 3] * activation;
      e += TRITS[digits + 4] * activation;
    }
    sums.set([a, b, c, d, e], row);
  }
  return sums.subarray(0, rows);
}
