/**
 * The embedding as int8 rows with their scales, streamed: docs/IMAGE.md, section 4 (`embedding`).
 */
import { embeddingStride } from '../../protocol/image/model-shape.js';
import { embeddingTooLarge } from '../checkpoint/checkpoint-error.js';
import { EMBEDDINGS } from '../checkpoint/tensor-names.js';
import { streamFloat32, type TensorSource } from '../checkpoint/tensor-source.js';
import type { ModelConfig } from '../config.js';
import { embeddingScaleBits, largestMagnitude, quantiseEmbeddingRow } from './quantise.js';

/** Fraction bits of the residual. */
const RESIDUAL_BITS = 12;
/** float32 values read at a time, about. */
const CHUNK_ELEMENTS = 1 << 20;

/**
 * Two passes over the embedding: the largest value, then the rows.
 *
 * @param onPacked called with the packed rows in order; the memory is reused
 * @returns embeddingShift
 * @throws CheckpointError `checkpoint-not-finite`, `checkpoint-embedding-too-large`, or when reading fails
 */
export async function streamEmbedding(
  source: TensorSource,
  config: ModelConfig,
  onPacked: (bytes: Uint8Array) => void | Promise<void>,
): Promise<number> {
  const { hiddenSize } = config;
  let largest = 0;
  for await (const { values } of streamFloat32(source, EMBEDDINGS)) {
    largest = Math.max(largest, largestMagnitude(values));
  }
  const scaleBits = embeddingScaleBits(largest);
  if (scaleBits < RESIDUAL_BITS) throw embeddingTooLarge(EMBEDDINGS, largest);

  const stride = embeddingStride(config);
  const chunkRows = Math.max(1, Math.floor(CHUNK_ELEMENTS / hiddenSize));
  for await (const { values } of streamFloat32(source, EMBEDDINGS, chunkRows * hiddenSize)) {
    const rows = values.length / hiddenSize;
    const packed = new Uint8Array(rows * stride);
    for (let row = 0; row < rows; row++) {
      const floats = values.subarray(row * hiddenSize, (row + 1) * hiddenSize);
      quantiseEmbeddingRow(floats, scaleBits, packed.subarray(row * stride, (row + 1) * stride));
    }
    await onPacked(packed);
  }
  return scaleBits - RESIDUAL_BITS;
}
