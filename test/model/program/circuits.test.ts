/** The simulator's arithmetic against the definitions, in BigInt, and where it can be against all there is. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bitLength,
  divide,
  inverseRoot,
  mul15,
  norm15,
  roundShift,
  saturate,
  shiftRight,
  sigma,
  squareRoot,
  ternarySums,
} from '../../../model/program/circuits.js';
import { sigmaTable } from '../../../protocol/image/tables.js';
import * as oracle from '../../oracle/primitives.js';
import { sigma as oracleSigma } from '../../oracle/tables.js';

const int32 = fc.oneof(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), fc.integer({ min: -5, max: 5 }));

describe('the circuits', () => {
  it('multiply, shift and saturate as the oracle does', () => {
    fc.assert(
      fc.property(int32, fc.integer({ min: -32767, max: 32767 }), fc.nat(40), (a, b, s) => {
        expect(mul15(a, b)).toBe(Number(oracle.mul15(BigInt(a), BigInt(b))));
        expect(roundShift(a, s)).toBe(Number(oracle.rsh(BigInt(a), BigInt(s))));
        expect(shiftRight(a, s)).toBe(Number(BigInt(a) >> BigInt(s)));
        expect(saturate(a, 16)).toBe(Number(oracle.sat(BigInt(a), 16n)));
      }),
    );
  });

  it('count binary digits', () => {
    for (const [a, digits] of [
      [0, 0],
      [1, 1],
      [255, 8],
      [256, 9],
      [2 ** 44, 45],
      [2 ** 44 - 1, 44],
    ] as const) {
      expect(bitLength(a)).toBe(digits);
    }
  });

  it('divide as integers are divided', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 30 - 1), fc.integer({ min: 1, max: 2 ** 20 }), (numerator, denominator) => {
        expect(divide(numerator, denominator)).toBe(Number(BigInt(numerator) / BigInt(denominator)));
      }),
    );
  });

  it('take roots that are the largest', () => {
    const isRoot = (a: number): boolean => squareRoot(a) ** 2 <= a && (squareRoot(a) + 1) ** 2 > a;
    for (const root of [0, 1, 2, 16384, 32767]) expect([root ** 2, root ** 2 + 1].every(isRoot)).toBe(true);
    fc.assert(fc.property(fc.nat(2 ** 30 - 1), isRoot));
  });

  it('scale a sum of squares to an inverse root of 15 bits', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 44 }), (sum) => {
        const { s, rho } = inverseRoot(sum);
        const scaled = s >= 0 ? BigInt(sum) >> BigInt(2 * s) : BigInt(sum) << BigInt(-2 * s);
        expect(scaled >= 2n ** 28n && scaled < 2n ** 30n).toBe(true);
        const exact = (2 ** 29 - 1) / Math.floor(Math.sqrt(Number(scaled)));
        expect(rho).toBe(Math.min(32767, Math.floor(exact)));
      }),
    );
    expect([inverseRoot(1).s, inverseRoot(2 ** 44).s]).toEqual([-14, 8]);
  });

  it('round a mantissa up to the next power of two', () => {
    expect(norm15(2 ** 29 - 1, 3)).toEqual({ mantissa: 2 ** 14, exponent: 3 + 14 + 1 });
    expect(norm15(2 ** 28, 3)).toEqual({ mantissa: 2 ** 14, exponent: 3 + 14 });
  });

  it('find σ of every number with 256 entries, although the specification has 257', () => {
    const entries = Uint16Array.from(sigmaTable().subarray(0, 256));
    for (let p = -32768; p < 32768; p++) expect(sigma(entries, p)).toBe(Number(oracleSigma(BigInt(p))));
  });

  it('add, subtract or skip by each digit of each byte', () => {
    const bytes = Uint8Array.from({ length: 243 }, (_, byte) => byte);
    for (let byte = 0; byte < 243; byte++) {
      const sums = ternarySums(bytes.subarray(byte, byte + 1), 5, 1, Int32Array.of(7));
      const digits = byte.toString(3).padStart(5, '0').split('').toReversed();
      expect([...sums]).toEqual(digits.map((digit) => (Number(digit) - 1) * 7));
    }
    // Byte k of group j holds rows 5j … 5j + 4 of column k; 7 rows have two groups.
    const q = Int32Array.of(1, 10, 100);
    expect([...ternarySums(Uint8Array.of(121, 122, 121, 242, 121, 121 + 3), 7, 3, q)]).toEqual([
      10, 0, 0, 0, 0, 1, 101,
    ]);
  });
});
