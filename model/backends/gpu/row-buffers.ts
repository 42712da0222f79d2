/** What the rows at work (tokens of a prompt, or one of each sequence of a batch) have in GPU memory. */
import type { ModelShape } from '../../../protocol/image/model-shape.js';
import type { GpuDevice } from './device/gpu-device.js';
import { USAGE } from './device/gpu-usage.js';
import { rowSize } from './kernels/arithmetic.js';
import { rowWords } from './kernels/row-bindings.js';

/** Memory that the rows at work may take; more rows at a time are hardly faster. */
const BYTES_MOST = 32 * 2 ** 20;
const ROWS_MOST = 1024;
const TILE_ROWS = 64;

/** Rows of the smaller kind: a tile of the kernels for few. */
export const FEW_ROWS = 32;

/** Rows of the larger kind. */
export function manyRows(shape: ModelShape): number {
  const { words: narrow } = rowSize(shape.hiddenSize);
  const { words: wide } = rowSize(shape.intermediateSize);
  const bytesPerRow = 16 * (4 * narrow + wide) + 4 * Math.max(3 * narrow, wide);
  return Math.max(TILE_ROWS, Math.min(ROWS_MOST, Math.floor(BYTES_MOST / bytesPerRow / TILE_ROWS) * TILE_ROWS));
}

export class RowBuffers {
  readonly capacity: number;
  /** [capacity][width] int32, Q12. */
  readonly x: GPUBuffer;
  /** What one kernel leaves for the next, and quantised rows with their scales: see kernels/row-bindings.ts. */
  readonly scratch: GPUBuffer;
  readonly quantised: GPUBuffer;
  /** [capacity] ids. */
  readonly tokens: GPUBuffer;
  /** [capacity] CRC-32 of logits, without the constant share. */
  readonly receipts: GPUBuffer;
  /** [L + 1][capacity] CRC-32 of residuals, without the constant share. */
  readonly taps: GPUBuffer;
  /** Uniform: rows of the job, and the sequence whose tokens they are. */
  readonly size: GPUBuffer;
  readonly #gpu: GpuDevice;

  constructor(gpu: GpuDevice, shape: ModelShape, capacity: number) {
    const narrow = rowSize(shape.hiddenSize).words;
    const words = rowWords(shape, capacity);
    const rows = (label: string, bytes: number): GPUBuffer => gpu.storage(`rows: ${label}`, capacity * bytes);
    this.#gpu = gpu;
    this.capacity = capacity;
    this.x = rows('residual', 16 * narrow);
    this.scratch = gpu.storage('rows: scratch', 4 * words.scratch);
    this.quantised = gpu.storage('rows: quantised', 4 * words.quantised);
    this.tokens = rows('tokens', 4);
    this.receipts = rows('receipts', 4);
    this.taps = rows('taps', 4 * (shape.layers + 1));
    this.size = gpu.buffer('rows: size', 16, USAGE.uniform | USAGE.copyTarget);
  }

  close(): void {
    const { x, scratch, quantised, tokens, receipts, taps, size } = this;
    const all = [x, scratch, quantised, tokens, receipts, taps, size];
    for (const buffer of all) this.#gpu.free(buffer);
  }
}
