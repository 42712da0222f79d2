import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { INT32, bits, floorDivide, mul15, mul15FromHalves, product16, rsh, sat, within } from './primitives.js';

const INT32_EDGES = [INT32.low, INT32.low + 1n, -65537n, -65536n, -1n, 0n, 1n, 65535n, 65536n, INT32.high];
const FACTOR_EDGES = [-32767n, -16384n, -1n, 0n, 1n, 16384n, 32767n];
const int32 = fc.bigInt({ min: INT32.low, max: INT32.high });
const factor = fc.bigInt({ min: -32767n, max: 32767n });

describe('primitives of section 1', () => {
  it.each([
    [0n, 0n],
    [1n, 1n],
    [255n, 8n],
    [256n, 9n],
    [2n ** 44n - 1n, 44n],
  ])('bits(%s) is %s', (a, expected) => {
    expect(bits(a)).toBe(expected);
  });

  it.each([
    [-7n, 2n, -4n],
    [-8n, 2n, -4n],
    [7n, 2n, 3n],
    [-1n, 1n, -1n],
  ])('⌊%s / %s⌋ is %s', (a, b, expected) => {
    expect(floorDivide(a, b)).toBe(expected);
  });

  it.each([
    [32767n, 16n, 32767n],
    [32768n, 16n, 32767n],
    [-32769n, 16n, -32768n],
    [2n ** 30n, 31n, 2n ** 30n - 1n],
    [-(2n ** 31n), 31n, -(2n ** 30n)],
  ])('sat(%s, %s) is %s', (a, n, expected) => {
    expect(sat(a, n)).toBe(expected);
  });

  it.each([
    [5n, 0n, 5n],
    [2n, 2n, 1n],
    [-2n, 2n, 0n],
    [-3n, 1n, -1n],
    [-6n, 2n, -1n],
    [-7n, 2n, -2n],
  ])('rsh(%s, %s) is %s: halves round up', (a, s, expected) => {
    expect(rsh(a, s)).toBe(expected);
  });

  it('shifts every 32-bit number to 0 by 32 and more', () => {
    fc.assert(
      fc.property(fc.oneof(int32, fc.constantFrom(...INT32_EDGES)), fc.bigInt({ min: 32n, max: 127n }), (a, s) => {
        expect(rsh(a, s)).toBe(0n);
      }),
    );
  });

  it('rounds a shift without a 33rd bit as ((a >> (s − 1)) + 1) >> 1', () => {
    fc.assert(
      fc.property(fc.oneof(int32, fc.constantFrom(...INT32_EDGES)), fc.bigInt({ min: 1n, max: 31n }), (a, s) => {
        const narrow = within('sum', (a >> (s - 1n)) + 1n, INT32.low, INT32.high + (s === 1n ? 1n : 0n)) >> 1n;
        expect(narrow).toBe(rsh(a, s));
      }),
    );
  });

  it('makes mul15 of two 16×16 products at every edge', () => {
    for (const a of INT32_EDGES) for (const b of FACTOR_EDGES) expect(mul15FromHalves(a, b)).toBe(mul15(a, b));
  });

  it('makes mul15 of two 16×16 products anywhere, never larger than its operand', () => {
    fc.assert(
      fc.property(int32, factor, (a, b) => {
        const exact = floorDivide(a * b + 16384n, 32768n);
        expect(mul15FromHalves(a, b)).toBe(exact);
        expect(mul15(a, b)).toBe(exact);
      }),
    );
  });

  it.each([
    ['an operand above 16 bits', () => product16(65536n, 1n)],
    ['an operand below 16 bits', () => product16(-32769n, 1n)],
    ['a product above 32 bits', () => product16(65535n, 65535n)],
    ['a factor of −32768', () => mul15(1n, -32768n)],
    ['a number above 32 bits', () => mul15(2n ** 31n, 1n)],
    ['bits of a negative number', () => bits(-1n)],
  ])('refuses %s', (_, run) => {
    expect(run).toThrow(RangeError);
  });
});
