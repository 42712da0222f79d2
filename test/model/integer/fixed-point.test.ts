import fc from 'fast-check';
import { expect, it } from 'vitest';
import { roundShift } from '../../../model/integer/fixed-point.js';
import { rsh } from '../../oracle/primitives.js';

it('rounds at every shift as the oracle does', () => {
  fc.assert(
    fc.property(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), fc.nat({ max: 40 }), (a, s) => {
      expect(roundShift(a, s)).toBe(Number(rsh(BigInt(a), BigInt(s))));
    }),
  );
});

it('rounds the largest number up by one bit', () => {
  // Adding the half in front of the shift gave −2³⁰.
  expect(roundShift(2 ** 31 - 1, 1)).toBe(2 ** 30);
});
