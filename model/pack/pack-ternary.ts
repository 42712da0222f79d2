/**
 * One ternary tensor of a checkpoint as the bytes of the image, streamed: two passes over the tensor, a few MiB at a
 * time.
 *
 * docs/IMAGE.md, section 4 (`ternary`).
 */
import { ternaryBytes, TRITS_PER_BYTE } from '../../protocol/image/model-shape.js';
import { wrongDtype } from '../checkpoint/checkpoint-error.js';
import { DTYPE_BYTES, isFloatDtype } from '../checkpoint/dtype.js';
import { readAhead } from '../checkpoint/read-ahead.js';
import { streamFloat32, tensorInfo, type TensorSource } from '../checkpoint/tensor-source.js';
import { AbsoluteMean, TernaryPacker } from './ternarise.js';

/** A tensor and its place in the image. */
export interface TernaryTensor {
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  /** Output rows alternate between the first and the second half of the tensor: gate 0, up 0, gate 1, … */
  readonly interleaved: boolean;
}

/** Bytes read at a time. */
const CHUNK_BYTES = 4 << 20;

/**
 * Reads a tensor twice, first for mean |W|, then for its digits.
 *
 * @param onRaw called with the tensor's bytes in order, once, during the first pass (for hashing and progress)
 * @param onPacked called with the packed bytes in order; the memory is reused
 * @returns mean |W|
 * @throws CheckpointError `checkpoint-not-finite`, or when reading fails
 */
export async function streamTernary(
  source: TensorSource,
  tensor: TernaryTensor,
  onRaw: (bytes: Uint8Array) => void,
  onPacked: (bytes: Uint8Array) => void | Promise<void>,
): Promise<number> {
  const { name, rows, columns, interleaved } = tensor;
  const { dtype, elements } = tensorInfo(source, name);
  if (!isFloatDtype(dtype)) throw wrongDtype(name, dtype);
  const rowBytes = columns * DTYPE_BYTES[dtype];
  const totalBytes = elements * DTYPE_BYTES[dtype];

  const chunkBytes = Math.min(CHUNK_BYTES, totalBytes);
  const chunks = [new Uint8Array(chunkBytes), new Uint8Array(chunkBytes)] as const;
  const readChunk = async (index: number): Promise<Uint8Array> => {
    const offset = index * chunkBytes;
    const bytes = chunks[index & 1].subarray(0, totalBytes - offset);
    await source.readRaw(name, offset, bytes);
    return bytes;
  };
  const absoluteMean = new AbsoluteMean(dtype);
  for await (const bytes of readAhead(Math.ceil(totalBytes / chunkBytes), readChunk)) {
    absoluteMean.add(bytes);
    onRaw(bytes);
  }
  const mean = absoluteMean.result();
  if (!Number.isFinite(mean)) {
    for await (const chunkOfFloats of streamFloat32(source, name)) void chunkOfFloats; // throws at the culprit
  }

  // Ten rows are two whole groups, interleaved or not: five of the gate and five of up.
  const blockRows = Math.min(rows, 10 * Math.max(1, Math.floor(CHUNK_BYTES / (10 * rowBytes))));
  const blocks = [new Uint8Array(blockRows * rowBytes), new Uint8Array(blockRows * rowBytes)] as const;
  const readBlock = async (index: number): Promise<Uint8Array> => {
    const start = index * blockRows;
    const bytes = blocks[index & 1].subarray(0, (rows - start) * rowBytes);
    if (interleaved) {
      await source.readRaw(name, (start / 2) * rowBytes, bytes.subarray(0, bytes.length / 2));
      await source.readRaw(name, (rows / 2 + start / 2) * rowBytes, bytes.subarray(bytes.length / 2));
    } else {
      await source.readRaw(name, start * rowBytes, bytes);
    }
    return bytes;
  };
  const packed = new Uint8Array(ternaryBytes(blockRows, columns));
  const packer = new TernaryPacker(dtype, mean);
  const missingRow = new Uint8Array(rowBytes);
  for await (const bytes of readAhead(Math.ceil(rows / blockRows), readBlock)) {
    const count = bytes.length / rowBytes;
    const place = (row: number): number => (interleaved ? (row >> 1) + (row & 1) * (count / 2) : row);
    for (let row = 0; row < count; row += TRITS_PER_BYTE) {
      const group = Array.from({ length: TRITS_PER_BYTE }, (_, d) => {
        if (row + d >= count) return missingRow;
        const at = place(row + d) * rowBytes;
        return bytes.subarray(at, at + rowBytes);
      });
      const at = (row / TRITS_PER_BYTE) * columns;
      packer.packGroup(group, packed.subarray(at, at + columns));
    }
    await onPacked(packed.subarray(0, ternaryBytes(count, columns)));
  }
  return mean;
}

/** As `streamTernary`, collected in memory. */
export async function packTernary(
  source: TensorSource,
  tensor: TernaryTensor,
): Promise<{ readonly mean: number; readonly bytes: Uint8Array }> {
  const bytes = new Uint8Array(ternaryBytes(tensor.rows, tensor.columns));
  let offset = 0;
  const mean = await streamTernary(
    source,
    tensor,
    () => {},
    (piece) => {
      bytes.set(piece, offset);
      offset += piece.length;
    },
  );
  return { mean, bytes };
}
