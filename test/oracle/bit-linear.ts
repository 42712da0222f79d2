/**
 * The BitLinear unit of docs/ARITHMETIC.md, section 4: one function per step or two, in the document's letters.
 *
 * Each claim of sections 2, 4 and 6 about a value of the unit is a `within` beside that value.
 */
import type { Product, Scale, TernaryMatrix } from './integer-model.js';
import { INT32, at, bits, floorDivide, largestMagnitude, mul15, product16, rsh, sum, within } from './primitives.js';

/** Rare things that happened, counted, so that a test knows that its extreme models are extreme. */
export interface UnitEvents {
  /** Units that ended in step C with M = 0. */
  zeroVector: number;
  /** Units whose scale saturated in step G. */
  scaleSaturated: number;
  /** Units whose shift of step H was 32: every output is 0. */
  shiftedOut: number;
  /** Elements of n equal to −32768. */
  lowestN: number;
}

/** Result of steps A and B, which products of one input share. */
export interface Normalised {
  readonly n: readonly bigint[];
  readonly e: bigint;
  readonly S: bigint;
}

/** Steps A and B: v in block floating point, and the sum of its squares with addend E. */
export function normalise(v: readonly bigint[], E: bigint): Normalised {
  v.forEach((value) => within('v', value, -(2n ** 30n), 2n ** 30n));
  within('E', E, 0n, 2n ** 43n);
  const m = largestMagnitude(v);
  const e = bits(m) > 15n ? bits(m) - 15n : 0n;
  within('e', e, 0n, 16n);
  const n = v.map((value) => {
    const shifted = rsh(value, e);
    return within('n', shifted > 32767n ? 32767n : shifted, -32768n, 32767n);
  });
  return { n, e, S: within('S', sumOfSquares(n) + (E >> (2n * e)), 0n, 2n ** 44n - 1n) };
}

/** Exact Σ a², checked to fit the two 32-bit words of section 6. */
export function sumOfSquares(values: readonly bigint[]): bigint {
  const squares = values.map((value) => product16(value, value));
  const high = within('Σ (a² >> 16)', sum(squares.map((square) => square >> 16n)), 0n, INT32.high);
  const low = within('Σ (a² & 65535)', sum(squares.map((square) => square & 65535n)), 0n, INT32.high);
  return within('Σ a²', high * 65536n + low, 0n, 2n ** 43n);
}

/** Steps C to H: one output per row, not yet saturated; zeros if M = 0. */
export function bitLinear({ n, S }: Normalised, product: Product, events: UnitEvents): bigint[] {
  events.lowestN += n.filter((value) => value === -32768n).length;
  const quantised = quantise(n, product.gain);
  if (quantised === undefined) {
    events.zeroVector++;
    return Array<bigint>(product.matrix.rows).fill(0n);
  }
  const { q, a, d } = quantised;
  const { rho, s } = inverseRoot(S);
  const { c, x, saturated } = outputScale(a, d, rho, s, product.scale);
  if (saturated) events.scaleSaturated++;
  if (-x - 4n >= 32n) events.shiftedOut++;
  return ternaryProduct(product.matrix, q).map((acc) => output(acc, c, x));
}

/** Steps C and D: int8 activations, and the largest |u| as a·2^d; `undefined` if all u are 0. */
export function quantise(
  n: readonly bigint[],
  w: readonly bigint[],
): { q: bigint[]; a: bigint; d: bigint; R: bigint } | undefined {
  const u = n.map((value, k) => within('u', product16(value, at(w, k)), -(2n ** 30n) + 1n, 2n ** 30n - 1n));
  const M = largestMagnitude(u);
  if (M === 0n) return undefined;
  const d = within('d', bits(M) - 15n, -14n, 15n);
  const shift = (value: bigint): bigint => (d >= 0n ? value >> d : value << -d);
  const a = within('a', shift(M), 2n ** 14n, 2n ** 15n - 1n);
  const R = reciprocal(a);
  const q = u.map((value) => {
    const scaled = product16(within('shift(u)', shift(value), -a - 1n, a), R);
    return within(
      'q',
      (within('shift(u)·R', scaled, -(2n ** 30n) + 1n, 2n ** 30n - 1n) + 2n ** 21n) >> 22n,
      -127n,
      127n,
    );
  });
  return { q, a, d, R };
}

/** The division of step D. */
export function reciprocal(a: bigint): bigint {
  return within('R', floorDivide(127n * 2n ** 22n, a), 16256n, 32512n);
}

/** Step E. */
function ternaryProduct({ rows, columns, trits }: TernaryMatrix, q: readonly bigint[]): bigint[] {
  return Array.from({ length: rows }, (_, row) => {
    let acc = 0n;
    for (let k = 0; k < columns; k++) {
      const trit = trits[row * columns + k];
      if (trit === 1) acc += at(q, k);
      if (trit === -1) acc -= at(q, k);
    }
    return within('acc', acc, -127n * 8192n, 127n * 8192n);
  });
}

/** Step F: ρ·2^(−29−s) stands for 1/√S. S > 0. */
export function inverseRoot(S: bigint): { rho: bigint; s: bigint; root: bigint } {
  const s = within('s', floorDivide(bits(S) - 29n, 2n), -14n, 7n);
  const scaledS = within("S'", s >= 0n ? S >> (2n * s) : S << (-2n * s), 2n ** 28n, 2n ** 30n - 1n);
  const root = within('root', digitByDigitRoot(scaledS), 2n ** 14n, 2n ** 15n - 1n);
  const quotient = floorDivide(2n ** 29n - 1n, root);
  const rho = within('ρ', quotient > 32767n ? 32767n : quotient, 2n ** 14n, 2n ** 15n - 1n);
  return { rho, s, root };
}

/** ⌊√a⌋ for a < 2^32 in the 16 steps that section 4 promises to hardware: set a digit where the square still fits. */
function digitByDigitRoot(a: bigint): bigint {
  let root = 0n;
  for (let digit = 2n ** 15n; digit > 0n; digit >>= 1n) {
    if ((root + digit) * (root + digit) <= a) root += digit;
  }
  return root;
}

/** Step G: c·2^x, the value of one unit of acc. */
export function outputScale(
  a: bigint,
  d: bigint,
  rho: bigint,
  s: bigint,
  { mm, em }: Scale,
): { c: bigint; x: bigint; saturated: boolean } {
  const first = norm15(product16(a, rho), d - 29n - s);
  const { c, x } = norm15(product16(first.c, mm), first.x + em);
  // A width that the document leaves open: any register of 8 bits holds the exponent.
  within('x', x, -128n, 127n);
  return -x < 4n ? { c: 32767n, x: -4n, saturated: true } : { c, x, saturated: false };
}

/** Keeps the upper 15 bits of p, 2^28 ≤ p < 2^30. */
export function norm15(p: bigint, x: bigint): { c: bigint; x: bigint } {
  within('p of norm15', p, 2n ** 28n, 2n ** 30n - 1n);
  const b = bits(p) - 15n;
  const c = rsh(p, b);
  return c === 32768n ? { c: 16384n, x: x + b + 1n } : { c: within('c', c, 16384n, 32767n), x: x + b };
}

/** Step H. */
export function output(acc: bigint, c: bigint, x: bigint): bigint {
  const wide = within('acc << 11', acc << 11n, INT32.low + 1n, INT32.high);
  const shift = -x - 4n < 32n ? -x - 4n : 32n;
  return within('out', rsh(mul15(wide, c), within('shift of step H', shift, 0n, 32n)), INT32.low, INT32.high);
}
