/**
 * Reading tensors piece by piece, from one file or from all shards of a checkpoint alike.
 *
 * A 2.7B checkpoint has tensors of 160 MB and packing takes two passes over each, so nothing here holds a whole large
 * tensor unless asked to.
 */

import { wrongDtype } from './checkpoint-error.js';
import { assertFinite, DTYPE_BYTES, isFloatDtype, toFloat32 } from './dtype.js';
import type { TensorInfo } from './safetensors-header.js';

/** Named tensors whose bytes can be read at random. */
export interface TensorSource {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** Paths of all files that are read, so that no output takes their place. */
  readonly files: readonly string[];

  /**
   * Fills `into` with the tensor's bytes from `byteOffset` on, as they are in the file (little-endian, row-major).
   *
   * @throws RangeError for an unknown name or bytes outside the tensor
   * @throws CheckpointError when the file cannot be read or has changed
   */
  readRaw(name: string, byteOffset: number, into: Uint8Array): Promise<void>;

  close(): Promise<void>;
}

/** Consecutive elements of a tensor in row-major order. */
export interface Float32Chunk {
  /** Index of `values[0]` in the tensor. */
  readonly start: number;
  /** Finite. The memory is reused for the next chunk. */
  readonly values: Float32Array;
}

/** 1 MiB of float32, which stays in a second-level cache; four times as much was no faster, a quarter was slower. */
const CHUNK_ELEMENTS = 1 << 18;

/**
 * The elements of a float tensor in order, in chunks of `chunkElements` (the last may be shorter); a whole number of
 * rows when `chunkElements` is a multiple of the row length.
 *
 * @throws RangeError for an unknown name
 * @throws CheckpointError `checkpoint-wrong-dtype`, `checkpoint-not-finite`, or when reading fails
 */
export async function* streamFloat32(
  source: TensorSource,
  name: string,
  chunkElements: number = CHUNK_ELEMENTS,
): AsyncGenerator<Float32Chunk, void, undefined> {
  const { dtype, elements } = tensorInfo(source, name);
  if (!isFloatDtype(dtype)) throw wrongDtype(name, dtype);
  const elementBytes = DTYPE_BYTES[dtype];
  const size = Math.min(chunkElements, elements);
  const chunk = new Float32Array(size);
  const bytes = dtype === 'F32' ? new Uint8Array(chunk.buffer) : new Uint8Array(size * elementBytes);
  for (let start = 0; start < elements; start += size) {
    const values = chunk.subarray(0, elements - start);
    const raw = bytes.subarray(0, values.length * elementBytes);
    await source.readRaw(name, start * elementBytes, raw);
    if (dtype !== 'F32') toFloat32(dtype, raw, values);
    assertFinite(name, values, start);
    yield { start, values };
  }
}

/** The whole tensor in row-major order. Errors as of `streamFloat32`. */
export async function readFloat32(source: TensorSource, name: string): Promise<Float32Array<ArrayBuffer>> {
  const result = new Float32Array(tensorInfo(source, name).elements);
  for await (const { start, values } of streamFloat32(source, name)) result.set(values, start);
  return result;
}

/** @throws RangeError for an unknown name */
export function tensorInfo(source: Pick<TensorSource, 'tensors'>, name: string): TensorInfo {
  const info = source.tensors.get(name);
  if (info === undefined) throw new RangeError(`there is no tensor ${name}`);
  return info;
}
