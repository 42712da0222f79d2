/**
 * Latent weights in F16 whose trits are exactly those of the float32 weights.
 *
 * Rounding moves weights over the thresholds ±½·mean|W|, and the mean itself. Each weight whose trit would differ takes
 * the nearest F16 value on its own side; that moves the mean by less than rounding does, and a few rounds settle it.
 */
import { toFloat32 } from '../../checkpoint/dtype.js';
import { AbsoluteMean, digit } from '../../pack/ternarise.js';
import { roundHalfEven } from '../../round-half-even.js';

const MOST_ROUNDS = 20;

/** Any tensor in F16, to the nearest, ties to even. @returns bits */
export function toHalf(values: Float32Array): Uint16Array {
  return Uint16Array.from(values, halfBits);
}

/**
 * A ternary matrix in F16.
 *
 * @throws RangeError if its trits cannot be kept, which needs weights all on the thresholds
 */
export function toHalfWithTrits(weights: Float32Array): Uint16Array {
  const wanted = tritsOf(weights);
  const halves = toHalf(weights);
  const values = new Float32Array(weights.length);
  for (let round = 0; round < MOST_ROUNDS; round++) {
    toFloat32('F16', new Uint8Array(halves.buffer), values);
    const found = tritsOf(values);
    let moved = 0;
    for (let k = 0; k < halves.length; k++) {
      if (found[k] === wanted[k]) continue;
      moved++;
      // Sign and magnitude: one more is farther from zero. What should be zero comes nearer, what should not goes
      // farther.
      halves[k] += wanted[k] === 0 ? -1 : 1;
    }
    if (moved === 0) return halves;
  }
  throw new RangeError('the trits of a matrix cannot be kept in F16');
}

/** As the packer finds them. */
function tritsOf(weights: Float32Array): Int8Array {
  const mean = new AbsoluteMean('F32');
  mean.add(new Uint8Array(weights.buffer, weights.byteOffset, weights.byteLength));
  const inverse = Math.fround(1 / mean.result());
  return Int8Array.from(weights, (value) => digit(value, inverse) - 1);
}

const FLOAT = new Float32Array(1);
const BITS = new Uint32Array(FLOAT.buffer);

/** IEEE 754 binary16 of a float32. */
function halfBits(value: number): number {
  FLOAT[0] = value;
  const bits = BITS[0];
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fff_ffff;
  if (magnitude >= 0x4780_0000) return sign | (magnitude > 0x7f80_0000 ? 0x7e00 : 0x7c00);
  if (magnitude < 0x3880_0000) {
    // Below 2⁻¹⁴ halves are multiples of 2⁻²⁴: the sum with a float whose last bit that is rounds as it should.
    return sign | roundHalfEven(Math.abs(value) * 2 ** 24);
  }
  const exponentMoved = magnitude - 0x3800_0000;
  return sign | ((exponentMoved + 0xfff + ((exponentMoved >>> 13) & 1)) >>> 13);
}
