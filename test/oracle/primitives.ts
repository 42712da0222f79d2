/**
 * The primitives of docs/ARITHMETIC.md, section 1, over BigInt, where nothing can overflow by itself.
 *
 * What the document says about widths is checked instead: `within` throws as soon as a value leaves its claimed range,
 * so a run over extreme models is an attempt to refute section 6.
 */

/** Bounds of a two's-complement integer of 32 bits. */
export const INT32 = { low: -(2n ** 31n), high: 2n ** 31n - 1n } as const;

/** Returns `value`; throws `RangeError` unless `low ≤ value ≤ high`. */
export function within(what: string, value: bigint, low: bigint, high: bigint): bigint {
  if (value < low || value > high) throw new RangeError(`${what} is ${value}, outside ${low} … ${high}`);
  return value;
}

/** Element `index`, which must exist. */
export function at<T>(list: ArrayLike<T>, index: number): T {
  const element = list[index];
  if (element === undefined) throw new RangeError(`index ${index} is outside 0 … ${list.length - 1}`);
  return element;
}

/** |a|. */
export function magnitude(a: bigint): bigint {
  return a < 0n ? -a : a;
}

/** max |v[k]|, 0 for no elements. */
export function largestMagnitude(v: readonly bigint[]): bigint {
  return v.map(magnitude).reduce((largest, a) => (a > largest ? a : largest), 0n);
}

/** Exact sum. */
export function sum(v: readonly bigint[]): bigint {
  return v.reduce((total, a) => total + a, 0n);
}

/** ⌊a / b⌋ for b > 0. BigInt's own division truncates. */
export function floorDivide(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return quotient * b > a ? quotient - 1n : quotient;
}

/** Number of binary digits of a ≥ 0; 0 has none. */
export function bits(a: bigint): bigint {
  within('argument of bits', a, 0n, 2n ** 64n);
  return a === 0n ? 0n : BigInt(a.toString(2).length);
}

/** a, kept in n bits of two's complement. */
export function sat(a: bigint, n: bigint): bigint {
  const high = 2n ** (n - 1n) - 1n;
  const low = -(2n ** (n - 1n));
  if (a > high) return high;
  return a < low ? low : a;
}

/** a / 2^s, rounded half up. */
export function rsh(a: bigint, s: bigint): bigint {
  within('shift of rsh', s, 0n, 127n);
  return s === 0n ? a : floorDivide(a + 2n ** (s - 1n), 2n ** s);
}

/** a·b, checked to be a product of two 16-bit numbers, each signed or unsigned, that fits a signed 32-bit result. */
export function product16(a: bigint, b: bigint): bigint {
  within('16-bit operand', a, -(2n ** 15n), 2n ** 16n - 1n);
  within('16-bit operand', b, -(2n ** 15n), 2n ** 16n - 1n);
  return within('16×16 product', a * b, INT32.low, INT32.high);
}

/** a·b / 2^15 rounded half up, checked against its two 16×16 products and against |result| ≤ |a|. */
export function mul15(a: bigint, b: bigint): bigint {
  within('a of mul15', a, INT32.low, INT32.high);
  within('b of mul15', b, -32767n, 32767n);
  const result = floorDivide(a * b + 2n ** 14n, 2n ** 15n);
  if (mul15FromHalves(a, b) !== result) throw new RangeError(`mul15(${a}, ${b}) is not ${result} when made of halves`);
  return within('mul15', result, -magnitude(a), magnitude(a));
}

/** mul15 as section 1 decomposes it, with every bound that the decomposition claims. */
export function mul15FromHalves(a: bigint, b: bigint): bigint {
  const ah = a >> 16n;
  const al = a - ah * 2n ** 16n;
  within('al', al, 0n, 2n ** 16n - 1n);
  const high = within('ah·b', product16(ah, b), -(2n ** 30n) + 1n, 2n ** 30n - 1n);
  const low = within('al·b + 2^14', product16(al, b) + 2n ** 14n, -(2n ** 31n) + 1n, 2n ** 31n - 1n);
  const doubled = within('(ah·b) << 1', high << 1n, INT32.low, INT32.high);
  return within('sum of mul15', doubled + (low >> 15n), INT32.low, INT32.high);
}
