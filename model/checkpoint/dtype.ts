/**
 * The element types of safetensors files, and exact widening of the float ones to float32.
 *
 * Files are little-endian (safetensors README, "Endianness"), and so are the typed arrays of every machine that runs
 * this; bytes and values therefore share memory without swapping.
 */

import { notFinite } from './checkpoint-error.js';

/** Bytes per element. The sub-byte types of newer files (F4, F6) are left out: nothing here reads them. */
export const DTYPE_BYTES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
} as const;

export type Dtype = keyof typeof DTYPE_BYTES;

/** The types weights may have. */
export type FloatDtype = 'F32' | 'F16' | 'BF16';

export function isDtype(text: string): text is Dtype {
  return Object.hasOwn(DTYPE_BYTES, text);
}

export function isFloatDtype(dtype: Dtype): dtype is FloatDtype {
  return dtype === 'F32' || dtype === 'F16' || dtype === 'BF16';
}

/**
 * Widens `bytes`, elements of type `dtype` at any alignment, to float32. Exact: every F16 and BF16 value is a float32
 * value.
 *
 * @throws RangeError unless `bytes` holds exactly `out.length` elements
 */
export function toFloat32(dtype: FloatDtype, bytes: Uint8Array, out: Float32Array): void {
  if (bytes.length !== out.length * DTYPE_BYTES[dtype]) {
    throw new RangeError(`${out.length} elements of ${dtype} expected, got ${bytes.length} bytes`);
  }
  if (dtype === 'F32') {
    new Uint8Array(out.buffer, out.byteOffset, out.byteLength).set(bytes);
  } else if (dtype === 'BF16') {
    const halves = alignedHalves(bytes);
    const outBits = new Int32Array(out.buffer, out.byteOffset, out.length);
    for (let index = 0; index < outBits.length; index++) outBits[index] = halves[index] << 16;
  } else {
    const halves = alignedHalves(bytes);
    const table = (float16Values ??= buildFloat16Values());
    for (let index = 0; index < out.length; index++) out[index] = table[halves[index]];
  }
}

/**
 * @param start index of `values[0]` in the tensor, for the message
 * @throws CheckpointError `checkpoint-not-finite` naming the first NaN or infinite element
 */
export function assertFinite(tensor: string, values: Float32Array, start = 0): void {
  // No sum of float32 values overflows a double, so it is finite if and only if all of them are.
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += values[index];
  if (Number.isFinite(sum)) return;
  const index = values.findIndex((value) => !Number.isFinite(value));
  throw notFinite(tensor, start + index, values[index]);
}

function alignedHalves(bytes: Uint8Array): Uint16Array {
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : Uint8Array.from(bytes);
  return new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.length / 2);
}

/** All 65,536 float16 values by their bits; 256 KiB, so built at first use. */
let float16Values: Float32Array | undefined;

/**
 * ```
 *            sign   exponent   fraction   value
 * binary16   15     14..10     9..0       exponent bias 15;  0 → subnormal, 31 → infinity or NaN
 * binary32   31     30..23     22..0      exponent bias 127
 * ```
 */
function buildFloat16Values(): Float32Array {
  const table = new Uint32Array(65_536);
  for (let half = 0; half < 65_536; half++) {
    const sign = (half & 0x8000) << 16;
    let exponent = (half >> 10) & 31;
    let fraction = half & 0x3ff;
    if (exponent === 31) {
      table[half] = sign | 0x7f80_0000 | (fraction << 13);
    } else if (exponent === 0 && fraction === 0) {
      table[half] = sign;
    } else {
      if (exponent === 0) {
        // A subnormal is normal in float32: shift the leading 1 into bit 10, where it is implied.
        const shift = Math.clz32(fraction) - 21;
        fraction = (fraction << shift) & 0x3ff;
        exponent = 1 - shift;
      }
      table[half] = sign | ((exponent - 15 + 127) << 23) | (fraction << 13);
    }
  }
  return new Float32Array(table.buffer);
}
