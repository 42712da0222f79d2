/**
 * The unit of section 4 against its claims: exhaustively where an argument of monotony makes that short, else at the
 * edges.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { bitLinear, inverseRoot, norm15, normalise, output, outputScale, quantise, reciprocal } from './bit-linear.js';
import type { UnitEvents } from './bit-linear.js';
import { floorDivide, sat } from './primitives.js';

const LARGEST_V = 2n ** 30n;
const fullRow = (value: bigint): bigint[] => Array<bigint>(8192).fill(value);
/** Mantissas of 15 bits: a, ρ, the root, c and mm. */
const ALL_15_BIT = Array.from({ length: 2 ** 14 }, (_, index) => 2n ** 14n + BigInt(index));
const exponents = (low: bigint, high: bigint): bigint[] =>
  Array.from({ length: Number(high - low) + 1 }, (_, index) => low + BigInt(index));
const newEvents = (): UnitEvents => ({ zeroVector: 0, scaleSaturated: 0, shiftedOut: 0, lowestN: 0 });

describe('steps A and B', () => {
  it.each([
    { v: 0n, e: 0n, n: 0n },
    { v: 32767n, e: 0n, n: 32767n },
    { v: 32768n, e: 1n, n: 16384n },
    { v: 65535n, e: 1n, n: 32767n },
    { v: -65535n, e: 1n, n: -32767n },
    { v: -131071n, e: 2n, n: -32768n },
    { v: LARGEST_V - 1n, e: 15n, n: 32767n },
    { v: 1n - LARGEST_V, e: 15n, n: -32768n },
    { v: LARGEST_V, e: 16n, n: 16384n },
    { v: -LARGEST_V, e: 16n, n: -16384n },
  ])('normalise $v to $n with exponent $e', ({ v, e, n }) => {
    expect(normalise([v], 0n)).toEqual({ n: [n], e, S: n * n });
  });

  it.each([[32767n], [1n - LARGEST_V], [LARGEST_V]])('keep the sum of squares of 8192 times %s in 44 bits', (v) => {
    expect(normalise(fullRow(v), 2n ** 43n).S).toBeLessThan(2n ** 44n);
  });

  it('shift the addend by both exponents', () => {
    expect(normalise([LARGEST_V], 2n ** 43n).S).toBe(2n ** 28n + 2n ** 11n);
  });
});

describe('steps C and D', () => {
  it('keep q within ±127 for every a and every possible shift(u), which the largest and the smallest decide', () => {
    const q = (u: bigint, R: bigint): bigint => (u * R + 2n ** 21n) >> 22n;
    const wrong = ALL_15_BIT.filter((a) => q(a, reciprocal(a)) !== 127n || q(-a - 1n, reciprocal(a)) !== -127n);
    expect(wrong).toEqual([]);
  });

  it('take the largest magnitude to 127 or −127, at any scale', () => {
    const element = fc.bigInt({ min: -32768n, max: 32767n });
    const gain = fc.bigInt({ min: -32767n, max: 32767n });
    fc.assert(
      fc.property(fc.array(fc.tuple(element, gain), { minLength: 1, maxLength: 8 }), (pairs) => {
        const u = pairs.map(([n, w]) => Math.abs(Number(n * w)));
        const quantised = quantise(
          pairs.map(([n]) => n),
          pairs.map(([, w]) => w),
        );
        const q = (quantised?.q ?? []).map(Number);
        expect(quantised === undefined).toBe(Math.max(...u) === 0);
        q.forEach((value, k) => {
          const exact = (127 * (u[k] ?? 0)) / Math.max(...u);
          expect(Math.abs(Math.abs(value) - exact)).toBeLessThanOrEqual(0.52);
        });
      }),
    );
  });
});

describe('step F', () => {
  it.each(Array.from({ length: 44 }, (_, index) => BigInt(index)))(
    'stays in range and near 1/√S for S of %s bits and one more',
    (digits) => {
      for (const S of [2n ** digits, 2n ** digits + 1n, (3n * 2n ** digits) / 2n, 2n ** (digits + 1n) - 1n]) {
        const { rho, s } = inverseRoot(S);
        const product = Number(rho) * 2 ** (-29 - Number(s)) * Math.sqrt(Number(S));
        expect(Math.abs(product - 1)).toBeLessThan(2 ** -12.9);
      }
    },
  );

  it('takes the floor of the root', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 2n ** 28n, max: 2n ** 30n - 1n }), (S) => {
        const { root } = inverseRoot(S);
        expect(root * root <= S && (root + 1n) * (root + 1n) > S).toBe(true);
      }),
    );
  });

  it('needs no saturation of ρ: all 16,384 roots give a quotient of 15 bits', () => {
    const quotients = ALL_15_BIT.map((root) => floorDivide(2n ** 29n - 1n, root));
    expect([quotients[0], quotients.at(-1)]).toEqual([32767n, 16384n]);
    expect(quotients.every((quotient) => quotient >= 16384n && quotient <= 32767n)).toBe(true);
  });
});

describe('step G', () => {
  it.each([
    { p: 2n ** 28n, c: 16384n, exponent: 14n },
    { p: 2n ** 29n - 1n, c: 16384n, exponent: 15n },
    { p: 2n ** 29n, c: 16384n, exponent: 15n },
    { p: 2n ** 30n - 1n, c: 16384n, exponent: 16n },
    { p: 32767n * 32767n, c: 32766n, exponent: 15n },
  ])('normalises $p to $c·2^$exponent', ({ p, c, exponent }) => {
    expect(norm15(p, 0n)).toEqual({ c, x: exponent });
  });

  it('stays in range for every exponent that S, M and em can give', () => {
    const scales = exponents(-14n, 15n).flatMap((d) =>
      exponents(-14n, 7n).flatMap((s) =>
        [-64n, -33n, -25n, -20n, -14n, 0n, 24n].flatMap((em) =>
          [16384n, 32767n].map((mantissa) => outputScale(mantissa, d, mantissa, s, { mm: mantissa, em })),
        ),
      ),
    );
    expect(scales.every(({ c, x }) => c >= 16384n && c <= 32767n && x <= -4n)).toBe(true);
    expect(scales.some(({ saturated }) => saturated)).toBe(true);
  });

  it('saturates without a jump: just below, the same exponent with the next mantissas', () => {
    const scaleOf = (em: bigint): unknown => outputScale(32767n, 0n, 32767n, 0n, { mm: 32767n, em });
    expect(scaleOf(-5n)).toEqual({ c: 32765n, x: -4n, saturated: false });
    expect(scaleOf(-4n)).toEqual({ c: 32767n, x: -4n, saturated: true });
  });
});

describe('step H', () => {
  const LARGEST_ACC = 127n * 8192n;

  it.each([
    { acc: 5n, c: 16384n, x: -4n, out: 5n << 10n },
    { acc: LARGEST_ACC, c: 32767n, x: -4n, out: 2_130_641_408n },
    { acc: LARGEST_ACC, c: 32767n, x: -34n, out: 2n },
    { acc: LARGEST_ACC, c: 32767n, x: -35n, out: 1n },
    { acc: -LARGEST_ACC, c: 32767n, x: -35n, out: -1n },
    { acc: LARGEST_ACC, c: 32767n, x: -36n, out: 0n },
    { acc: -LARGEST_ACC, c: 32767n, x: -36n, out: 0n },
    { acc: LARGEST_ACC, c: 32767n, x: -100n, out: 0n },
  ])('turns acc $acc, c $c, x $x into $out', ({ acc, c, x, out }) => {
    expect(output(acc, c, x)).toBe(out);
  });

  it('agrees with acc·c·2^x to a unit', () => {
    const mantissa = fc.bigInt({ min: 16384n, max: 32767n });
    fc.assert(
      fc.property(
        fc.bigInt({ min: -LARGEST_ACC, max: LARGEST_ACC }),
        mantissa,
        fc.integer({ min: -60, max: -4 }),
        (acc, c, x) => {
          expect(Math.abs(Number(output(acc, c, BigInt(x))) - Number(acc * c) * 2 ** x)).toBeLessThanOrEqual(1);
        },
      ),
    );
  });
});

describe('the unit', () => {
  const matrix = { rows: 2, columns: 8192, trits: new Int8Array(2 * 8192).map((_, index) => (index < 8192 ? 1 : -1)) };

  it.each([
    { v: LARGEST_V, gain: 32767n },
    { v: LARGEST_V - 1n, gain: 32767n },
    { v: 1n - LARGEST_V, gain: -32767n },
    { v: 1n, gain: 1n },
  ])('saturates both ways on 8192 equal inputs of $v and gain $gain', ({ v, gain }) => {
    const events = newEvents();
    const out = bitLinear(
      normalise(fullRow(v), 0n),
      { scale: { mm: 32767n, em: 24n }, gain: fullRow(gain), matrix },
      events,
    );
    expect(out.map((value) => sat(value, 31n))).toEqual([2n ** 30n - 1n, -(2n ** 30n)]);
    expect(events.scaleSaturated).toBe(1);
  });

  it('gives zeros where no element of n has a gain', () => {
    const events = newEvents();
    const gain = fullRow(0n);
    expect(bitLinear(normalise(fullRow(9n), 5n), { scale: { mm: 16384n, em: 0n }, gain, matrix }, events)).toEqual([
      0n,
      0n,
    ]);
    expect(events.zeroVector).toBe(1);
  });
});
