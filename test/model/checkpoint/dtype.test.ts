import { describe, expect, test } from 'vitest';

import { assertFinite, toFloat32 } from '../../../model/checkpoint/dtype.js';
import type { FloatDtype } from '../../../model/checkpoint/dtype.js';
import { refusalOf } from '../../helpers/refusal.js';

/** IEEE 754-2019, 3.4: the value of a binary interchange format, from its fields. Exact in a double. */
function valueOf(bits: number, exponentBits: number, fractionBits: number): number {
  const sign = bits >>> (exponentBits + fractionBits) === 0 ? 1 : -1;
  const exponent = (bits >>> fractionBits) & (2 ** exponentBits - 1);
  const fraction = (bits & (2 ** fractionBits - 1)) / 2 ** fractionBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** (1 - bias);
  return sign * (1 + fraction) * 2 ** (exponent - bias);
}

const ALL_HALVES = Uint16Array.from({ length: 65_536 }, (_, bits) => bits);

describe('toFloat32', () => {
  test.each([
    ['F16', 5, 10],
    ['BF16', 8, 7],
  ] as const)('widens each of the 65,536 %s values exactly', (dtype, exponentBits, fractionBits) => {
    const out = new Float32Array(65_536);
    toFloat32(dtype, new Uint8Array(ALL_HALVES.buffer), out);
    const expected = Array.from(ALL_HALVES, (bits) => valueOf(bits, exponentBits, fractionBits));
    // Object.is tells −0 from 0 and equates NaNs.
    expect(expected.findIndex((value, bits) => !Object.is(value, out[bits]))).toBe(-1);
  });

  test.each(['F32', 'F16', 'BF16'] as const)('reads %s at any alignment', (dtype) => {
    const bytes = new Uint8Array(16).map((_, index) => index * 37);
    const aligned = new Float32Array(dtype === 'F32' ? 2 : 4);
    toFloat32(dtype, bytes.slice(0, 8), aligned);
    for (const shift of [1, 2, 3]) {
      const moved = new Uint8Array(16);
      moved.set(bytes.subarray(0, 8), shift);
      const out = new Float32Array(aligned.length);
      toFloat32(dtype, moved.subarray(shift, shift + 8), out);
      expect(out).toEqual(aligned);
    }
  });

  test.each<[FloatDtype, number]>([
    ['F32', 7],
    ['F16', 3],
    ['BF16', 5],
  ])('refuses %s data of another length than the output', (dtype, length) => {
    expect(() => toFloat32(dtype, new Uint8Array(length), new Float32Array(2))).toThrow(RangeError);
  });
});

describe('assertFinite', () => {
  test('accepts the largest, the smallest and zero', () => {
    expect(() => assertFinite('w', Float32Array.of(3.4e38, -3.4e38, 1e-45, 0, -0))).not.toThrow();
  });

  test.each([NaN, Infinity, -Infinity])('names the tensor and the index of %d', (value) => {
    const refusal = refusalOf(() => assertFinite('model.norm.weight', Float32Array.of(1, 2, value, NaN), 100));
    expect(refusal).toMatchObject({
      code: 'checkpoint-not-finite',
      facts: { tensor: 'model.norm.weight', index: 102 },
      message: `tensor "model.norm.weight" holds ${value} at element 102`,
    });
  });
});
