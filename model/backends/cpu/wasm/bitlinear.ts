/**
 * The BitLinear unit: docs/ARITHMETIC.md, section 4; the letters A … H are its steps. The products (E) are in
 * `products.ts`.
 *
 * A vector is taken in once (A, B) and quantised for each product that reads it (C, D, F, G). All lengths are padded to
 * 64 with zeros, which change neither maximum nor sum and give q = 0.
 */
import {
  PRODUCT_EXPONENT,
  PRODUCT_GAIN,
  PRODUCT_MANTISSA,
  SCALE_BYTES,
  SCALE_MANTISSA,
  SCALE_SHIFT,
  SCALES_BYTES,
} from '../layout';
import {
  addSquares,
  bitLength,
  maximumOf,
  mul15,
  roundShift,
  sat31,
  sumOf32,
  sumOf64,
  zero,
} from './fixed-point';

/** v = x·gain, x int32 and gain int16. */
export function applyNorm(x: usize, gain: usize, v: usize, columns: i32): void {
  for (let k = 0; k < columns; k += 4) {
    v128.store(v + 4 * k, mul15(v128.load(x + 4 * k), v128.load16x4_s(gain + 2 * k)));
  }
}

/** Steps A and B: |v| ≤ 2³⁰ to int16 in block floating point. @returns S */
export function normalise(v: usize, columns: i32, epsilon: i64, n: usize): i64 {
  let magnitudes = zero();
  for (let k = 0; k < columns; k += 4) magnitudes = v128.or(magnitudes, i32x4.abs(v128.load(v + 4 * k)));
  const halves = v128.or(magnitudes, v128.shuffle<i32>(magnitudes, magnitudes, 2, 3, 0, 1));
  const shift = max(0, bitLength(i32x4.extract_lane(halves, 0) | i32x4.extract_lane(halves, 1)) - 15);
  let squares = zero();
  for (let k = 0; k < columns; k += 8) {
    // Narrowing saturates: 32768 becomes 32767.
    const eight = i16x8.narrow_i32x4_s(
      roundShift(v128.load(v + 4 * k), shift),
      roundShift(v128.load(v + 4 * k, 16), shift),
    );
    v128.store(n + 2 * k, eight);
    squares = addSquares(squares, eight);
  }
  return sumOf64(squares) + (epsilon >> (2 * shift));
}

/** Steps C, D, F and G for one product. @param slot which of the vectors at `quantised` */
export function quantise(n: usize, sum: i64, columns: i32, product: usize, quantised: usize, slot: i32): void {
  const gain: usize = load<u32>(product, PRODUCT_GAIN);
  const scale = quantised + slot * SCALE_BYTES;
  const q = vectorOf(quantised, slot, columns);
  let largest = zero();
  for (let k = 0; k < columns; k += 8) {
    const a = v128.load(n + 2 * k);
    const w = v128.load(gain + 2 * k);
    largest = i32x4.max_s(largest, i32x4.abs(i32x4.extmul_low_i16x8_s(a, w)));
    largest = i32x4.max_s(largest, i32x4.abs(i32x4.extmul_high_i16x8_s(a, w)));
  }
  const maximum = maximumOf(largest);
  if (maximum == 0) {
    // All outputs are 0: so is every sum, and what it is multiplied by.
    memory.fill(q, 0, columns);
    store<i32>(scale, 0);
    store<i32>(scale, 0, SCALE_MANTISSA);
    store<i32>(scale, 1, SCALE_SHIFT);
    return;
  }
  const drop = bitLength(maximum) - 15;
  const down = max(drop, 0);
  const up = max(-drop, 0);
  const top = (maximum >> down) << up;
  const inverse = i32x4.splat((127 << 22) / top);
  const half = i32x4.splat(1 << 21);
  let total = zero();
  for (let k = 0; k < columns; k += 16) {
    const first = eightOf(n + 2 * k, gain + 2 * k, down, up, inverse, half);
    const second = eightOf(n + 2 * k + 16, gain + 2 * k + 16, down, up, inverse, half);
    const ones = i16x8.splat(1);
    total = i32x4.add(total, i32x4.add(i32x4.dot_i16x8_s(first, ones), i32x4.dot_i16x8_s(second, ones)));
    v128.store(q + k, i8x16.narrow_i16x8_s(first, second));
  }
  store<i32>(scale, sumOf32(total));
  outputScale(sum, top, drop, load<i32>(product, PRODUCT_MANTISSA), load<i32>(product, PRODUCT_EXPONENT), scale);
}

/** Step D for eight columns: |short·inverse| < 2³⁰. */
@inline
function eightOf(n: usize, gain: usize, down: i32, up: i32, inverse: v128, half: v128): v128 {
  const a = v128.load(n);
  const w = v128.load(gain);
  const low = i32x4.shl(i32x4.shr_s(i32x4.extmul_low_i16x8_s(a, w), down), up);
  const high = i32x4.shl(i32x4.shr_s(i32x4.extmul_high_i16x8_s(a, w), down), up);
  return i16x8.narrow_i32x4_s(
    i32x4.shr_s(i32x4.add(i32x4.mul(low, inverse), half), 22),
    i32x4.shr_s(i32x4.add(i32x4.mul(high, inverse), half), 22),
  );
}

/** The quantised vector in a slot. */
@inline
export function vectorOf(quantised: usize, slot: i32, columns: i32): usize {
  return quantised + SCALES_BYTES + slot * columns;
}

/** Steps F and G. */
function outputScale(sum: i64, top: i32, drop: i32, mm: i32, em: i32, scale: usize): void {
  const bits = 64 - <i32>clz(sum);
  const half = (bits - 29) >> 1;
  const brought = <i32>(half >= 0 ? sum >> (2 * half) : sum << (-2 * half));
  // Exact: the root of an integer below 2³⁰ is not rounded up to the next one.
  const root = <i32>sqrt<f64>(<f64>brought);
  const inverseRoot = ((1 << 29) - 1) / root;
  let exponent = drop - 29 - half;
  let mantissa = top * inverseRoot;
  for (let round = 0; round < 2; round++) {
    const excess = bitLength(mantissa) - 15;
    mantissa = (mantissa >> excess) + ((mantissa >> (excess - 1)) & 1);
    exponent += excess;
    if (mantissa == 32768) {
      mantissa = 16384;
      exponent++;
    }
    if (round == 0) {
      mantissa *= mm;
      exponent += em;
    }
  }
  if (exponent > -4) {
    mantissa = 32767;
    exponent = -4;
  }
  store<i32>(scale, mantissa, SCALE_MANTISSA);
  store<i32>(scale, -exponent - 4, SCALE_SHIFT);
}

/** Step H for four rows. @param sums Σ code·q, where a weight is its code − 1 @param scale of the vector */
@inline
export function finish(sums: v128, scale: usize): v128 {
  const acc = i32x4.sub(sums, v128.load32_splat(scale));
  return roundShift(mul15(i32x4.shl(acc, 11), v128.load32_splat(scale, SCALE_MANTISSA)), load<i32>(scale, SCALE_SHIFT));
}

/** The residual after a product was added to it. */
@inline
export function addToResidual(x: v128, out: v128): v128 {
  return sat31(i32x4.add(x, sat31(out)));
}
