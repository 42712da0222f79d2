import { expect, it } from 'vitest';
import { toFloat32, type FloatDtype } from '../../../../model/checkpoint/dtype.js';
import { AbsoluteMean, TernaryPacker } from '../../../../model/pack/ternarise.js';
import { toHalf, toHalfWithTrits } from '../../../../model/train/run/half.js';
import { Prng } from '../../../oracle/prng.js';

const bytesOf = (values: Float32Array | Uint16Array): Uint8Array => new Uint8Array(values.buffer);

/** As the packer reads them from a file. */
function packed(dtype: FloatDtype, bytes: Uint8Array): Uint8Array {
  const mean = new AbsoluteMean(dtype);
  mean.add(bytes);
  const out = new Uint8Array(bytes.length / (dtype === 'F32' ? 4 : 2));
  const none = new Uint8Array(bytes.length);
  new TernaryPacker(dtype, mean.result()).packGroup([bytes, none, none, none, none], out);
  return out;
}

it('halves are the nearest ones, ties to even', () => {
  const halves = Float32Array.of(
    0,
    -0,
    1,
    1 + 2 ** -11,
    1 + 3 * 2 ** -11,
    65_504,
    65_520,
    2 ** -24,
    2 ** -25,
    3 * 2 ** -25,
    -(2 ** -14),
    NaN,
  );
  const expected = [0, 0x8000, 0x3c00, 0x3c00, 0x3c02, 0x7bff, 0x7c00, 1, 0, 2, 0x8400, 0x7e00];
  expect([...toHalf(halves)]).toEqual(expected);
  // All that are exact stay as they are.
  const all = Uint16Array.from({ length: 0x7c00 }, (_, bits) => bits);
  const values = new Float32Array(all.length);
  toFloat32('F16', bytesOf(all), values);
  expect(toHalf(values)).toEqual(all);
});

it('trits of a matrix in float16 are those of its float32 weights, also where all lie at the thresholds', () => {
  const random = new Prng(3);
  const bell = Float32Array.from({ length: 4096 }, () => 0.02 * random.bell());
  const mean = bell.reduce((sum, value) => sum + Math.abs(value), 0) / bell.length;
  const close = bell.map((value, k) => (k % 2 === 0 ? value : Math.sign(value) * mean * (0.5 + 1e-5 * random.bell())));
  for (const weights of [bell, close]) {
    const halves = toHalfWithTrits(weights);
    expect(packed('F16', bytesOf(halves))).toEqual(packed('F32', bytesOf(weights)));
    const kept = new Float32Array(weights.length);
    toFloat32('F16', bytesOf(halves), kept);
    kept.forEach((value, k) => expect(Math.abs(value - weights[k]!)).toBeLessThan(2 ** -15));
  }
});
