/**
 * A model's weights in GPU memory: ternary matrices in 2 bit, vectors, embedding, tables.
 *
 * The image streams through a small buffer: neither the host nor the GPU ever holds its ternary section beside the
 * weights made of it.
 */
import { badWeights } from '../../../../protocol/image/image-error.js';
import {
  embeddingStride,
  TRITS_PER_BYTE,
  type ModelShape,
  type SectionName,
} from '../../../../protocol/image/model-shape.js';
import { placeMatrices, sectionLengths } from '../../../../protocol/image/tensors.js';
import type { BufferPart, GpuDevice } from '../device/gpu-device.js';
import { USAGE } from '../device/gpu-usage.js';
import { rowSize } from '../kernels/arithmetic.js';
import { embeddingRowWords } from '../kernels/embed.js';
import { matrixBytes, TRANSCODE, TRANSCODE_SIZE } from '../kernels/transcode.js';
import { layerMatrixOffsets, offsetsByName } from './matrix-layout.js';
import { alignBinding, BINDING_ALIGNMENT, layOutVectors, vectorLayout } from './vector-layout.js';

/** Fills `into` with the bytes of a section from `offset` on. */
export type ReadSection = (section: SectionName, offset: number, into: Uint8Array) => void;

export interface GpuWeights {
  readonly shape: ModelShape;
  readonly layers: readonly {
    /** The matrices: see matrix-layout.ts. */
    readonly all: BufferPart;
    readonly vectors: BufferPart;
    readonly constants: BufferPart;
  }[];
  readonly head: BufferPart;
  readonly headVectors: BufferPart;
  readonly headConstants: BufferPart;
  readonly embedding: GPUBuffer;
  /** Word j below 257 holds SIGMA[j] and SIGMA[j + 1]; EXP2 follows. */
  readonly tables: GPUBuffer;
  /** x^(32·(d+1)) for every distance d that a logit or a residual can have from the end of its vector. */
  readonly crcFactors: GPUBuffer;
}

/** Frees a model's weights; the device stays. */
export function freeGpuWeights(gpu: GpuDevice, weights: GpuWeights): void {
  const parts = [...weights.layers.map(({ all }) => all), weights.head, weights.headVectors, weights.headConstants];
  for (const { buffer } of parts) gpu.free(buffer);
  for (const buffer of [weights.embedding, weights.tables, weights.crcFactors]) gpu.free(buffer);
}

/** Bytes that are on the way at a time: large enough for full speed, small beside any model that is slow to load. */
const STAGING_BYTES = 8 * 2 ** 20;
/** Uploads that may wait in the driver, each with a copy of its bytes. */
const UPLOADS_WAITING = 4;
const UNIFORM_WORDS = 8;

/** A whole image matrix and where its rows go. */
interface MatrixPlan {
  readonly rows: number;
  readonly columns: number;
  /** Where it lies in the section `ternary`. */
  readonly fromByte: number;
  readonly bytes: number;
  /** Binding that the rows lie in, and the word where they start there. */
  readonly part: BufferPart;
  readonly toWord: number;
}

/** Several groups of rows of one matrix. */
interface Piece extends MatrixPlan {
  readonly firstGroup: number;
  readonly groups: number;
}

/**
 * Brings an image to the GPU. Its structure is checked already; hashes can be checked meanwhile.
 *
 * @param factors for every distance from the end that a logit or a residual can have: see crc-factors.ts
 * @throws GpuError; ImageError `image-bad-weights` if a byte is none of the format
 */
export async function loadGpuWeights(
  gpu: GpuDevice,
  shape: ModelShape,
  read: ReadSection,
  factors: Uint32Array<ArrayBuffer>,
): Promise<GpuWeights> {
  const transcoder = transcodeKernel(gpu);
  // Its failure is thrown where it is awaited.
  transcoder.catch(() => {});
  const { parts, plans } = await gpu.allocating(() => planMatrices(gpu, shape));
  const { vectors, constants } = layOutVectors(shape, section(read, 'vectors', shape));
  const embedding = await gpu.allocating(() =>
    gpu.storage('embedding', 4 * shape.vocabSize * embeddingRowWords(shape)),
  );
  await uploadEmbedding(gpu, shape, read, embedding);
  await uploadMatrices(gpu, await transcoder, plans, read);

  const { blockBytes } = vectorLayout(shape);
  const vectorBuffer = gpu.filled('vectors', vectors);
  const constantBuffer = gpu.filled('constants', constants, USAGE.uniform);
  const block = (index: number): { readonly vectors: BufferPart; readonly constants: BufferPart } => ({
    vectors: { buffer: vectorBuffer, offset: index * blockBytes, size: blockBytes },
    constants: { buffer: constantBuffer, offset: index * BINDING_ALIGNMENT, size: 64 },
  });
  const headBlock = block(0);
  return {
    shape,
    layers: Array.from({ length: shape.layers }, (_, l) => ({ all: parts[l], ...block(l + 1) })),
    head: parts[shape.layers],
    headVectors: headBlock.vectors,
    headConstants: headBlock.constants,
    embedding,
    tables: gpu.filled('tables', tableWords(section(read, 'tables', shape))),
    crcFactors: gpu.filled('CRC factors', factors),
  };
}

/** What brings ternary weights into the GPU's form. Calling it early compiles it early. @throws GpuError */
export function transcodeKernel(gpu: GpuDevice): Promise<GPUComputePipeline> {
  return gpu.kernel('transcode', TRANSCODE);
}

/** Bytes of the largest part that is bound as one: what `maxStorageBufferBindingSize` must allow. */
export function largestBinding(shape: ModelShape): number {
  const { vocabSize, hiddenSize } = shape;
  return Math.max(
    4 * vocabSize * embeddingRowWords(shape),
    matrixBytes(vocabSize, hiddenSize),
    layerMatrixOffsets(shape).bytes,
  );
}

function section(read: ReadSection, name: 'tables' | 'vectors', shape: ModelShape): Uint8Array {
  const bytes = new Uint8Array(sectionLengths(shape)[name]);
  read(name, 0, bytes);
  return bytes;
}

function tableWords(bytes: Uint8Array): Uint32Array<ArrayBuffer> {
  const table = new Uint16Array(bytes.slice().buffer);
  return Uint32Array.from({ length: 257 + 256 }, (_, j) => (j < 256 ? table[j] | (table[j + 1] << 16) : table[j]));
}

/**
 * Buffers for all matrices, as few as the adapter's largest buffer allows, and what goes where: a part for each layer,
 * and the head's.
 */
function planMatrices(
  gpu: GpuDevice,
  shape: ModelShape,
): { readonly parts: readonly BufferPart[]; readonly plans: readonly MatrixPlan[] } {
  const { layers, head } = placeMatrices(shape);
  const layerBytes = layerMatrixOffsets(shape).bytes;
  const sizes = [...Array.from({ length: shape.layers }, () => layerBytes), matrixBytes(head.rows, head.columns)];
  const parts = allocateParts(gpu, sizes);
  const offsets = offsetsByName(shape);
  const places = [
    ...layers.map((matrix) => ({ ...matrix, part: parts[matrix.layer], toWord: offsets[matrix.tensor.name] / 4 })),
    { ...head, part: parts[shape.layers], toWord: 0 },
  ];
  const plans = places.map(({ rows, columns, offset, length, part, toWord }) => {
    return { rows, columns, fromByte: offset, bytes: length, part, toWord };
  });
  return { parts, plans };
}

function allocateParts(gpu: GpuDevice, sizes: readonly number[]): Required<BufferPart>[] {
  const { maxBufferSize } = gpu.limits;
  const parts: Required<BufferPart>[] = [];
  let first = 0;
  while (first < sizes.length) {
    let bytes = 0;
    let end = first;
    const offsets: number[] = [];
    while (end < sizes.length && (end === first || bytes + alignBinding(sizes[end]) <= maxBufferSize)) {
      offsets.push(bytes);
      bytes += alignBinding(sizes[end++]);
    }
    const buffer = gpu.buffer('weights', bytes, USAGE.storage | USAGE.copySource);
    offsets.forEach((offset, k) => {
      const size = sizes[first + k];
      if (size > gpu.limits.maxStorageBufferBindingSize) gpu.storage('weights', size); // throws, and says why
      parts.push({ buffer, offset, size });
    });
    first = end;
  }
  return parts;
}

async function uploadMatrices(
  gpu: GpuDevice,
  transcoder: GPUComputePipeline,
  plans: readonly MatrixPlan[],
  read: ReadSection,
): Promise<void> {
  const { device } = gpu;
  const last = plans[plans.length - 1];
  const stagingBytes = Math.min(STAGING_BYTES, last.fromByte + last.bytes) + 4;
  const staging = gpu.storage('staging', stagingBytes);
  const bad = gpu.storage('bad bytes', 4);
  const host = new Uint8Array(Math.ceil(stagingBytes / 4) * 4);
  const uploads = joined(plans.flatMap((plan) => split(plan, STAGING_BYTES)));
  const mostPieces = Math.max(...uploads.map(({ length }) => length));
  const uniforms = gpu.buffer('pieces', mostPieces * BINDING_ALIGNMENT, USAGE.uniform | USAGE.copyTarget);
  let waiting: Promise<unknown>[] = [];
  for (const pieces of uploads) {
    const firstByte = pieces[0].fromByte + pieces[0].firstGroup * pieces[0].columns;
    const words = new Uint32Array((pieces.length * BINDING_ALIGNMENT) / 4);
    pieces.forEach(({ rows, columns, firstGroup, groups, fromByte, toWord }, k) => {
      const at = fromByte + firstGroup * columns - firstByte;
      words.set([columns, rows, firstGroup, groups, at, toWord, 4 * rowSize(columns).chunks, 0], k * 64);
    });
    const end = pieces[pieces.length - 1];
    const length = end.fromByte + (end.firstGroup + end.groups) * end.columns - firstByte;
    read('ternary', firstByte, host.subarray(0, length));
    device.queue.writeBuffer(staging, 0, host, 0, Math.ceil(length / 4) * 4);
    device.queue.writeBuffer(uniforms, 0, words);
    const commands = device.createCommandEncoder();
    const pass = commands.beginComputePass();
    pass.setPipeline(transcoder);
    pieces.forEach(({ columns, groups, part }, k) => {
      const uniform = { buffer: uniforms, offset: k * BINDING_ALIGNMENT, size: 4 * UNIFORM_WORDS };
      pass.setBindGroup(0, gpu.bind(transcoder, [uniform, staging, part, bad]));
      const workgroups = Math.ceil((4 * rowSize(columns).chunks) / TRANSCODE_SIZE);
      pass.dispatchWorkgroups(workgroups, Math.min(groups, 32_768));
    });
    pass.end();
    gpu.submit(commands);
    waiting.push(device.queue.onSubmittedWorkDone());
    if (waiting.length === UPLOADS_WAITING) {
      await waiting[0];
      waiting = waiting.slice(1);
    }
  }
  const [isBad] = new Uint32Array(await gpu.copied(bad, 4));
  for (const buffer of [staging, bad, uniforms]) gpu.free(buffer);
  if (isBad !== 0) throw badWeights('ternary', 0, 'a byte is above 242');
}

/** Pieces of at most `bytes`. */
function split(plan: MatrixPlan, bytes: number): Piece[] {
  const groups = Math.ceil(plan.rows / TRITS_PER_BYTE);
  const most = Math.max(1, Math.floor(bytes / plan.columns));
  const pieces: Piece[] = [];
  for (let firstGroup = 0; firstGroup < groups; firstGroup += most) {
    pieces.push({ ...plan, firstGroup, groups: Math.min(most, groups - firstGroup) });
  }
  return pieces;
}

/** Neighbouring pieces that fit in the staging buffer together. */
function joined(pieces: readonly Piece[]): Piece[][] {
  const uploads: Piece[][] = [];
  let bytes = Infinity;
  for (const piece of pieces) {
    const length = piece.groups * piece.columns;
    if (bytes + length > STAGING_BYTES) {
      uploads.push([]);
      bytes = 0;
    }
    uploads[uploads.length - 1].push(piece);
    bytes += length;
  }
  return uploads;
}

async function uploadEmbedding(gpu: GpuDevice, shape: ModelShape, read: ReadSection, buffer: GPUBuffer): Promise<void> {
  const stride = embeddingStride(shape);
  const rowBytes = 4 * embeddingRowWords(shape);
  const rowsPerPiece = Math.max(1, Math.floor(STAGING_BYTES / stride));
  const packed = new Uint8Array(rowsPerPiece * stride);
  const words = new Uint8Array(rowsPerPiece * rowBytes);
  for (let row = 0; row < shape.vocabSize; row += rowsPerPiece) {
    const rows = Math.min(rowsPerPiece, shape.vocabSize - row);
    read('embedding', row * stride, packed.subarray(0, rows * stride));
    for (let r = 0; r < rows; r++) {
      const from = r * stride;
      const to = r * rowBytes;
      words[to] = packed[from];
      words[to + 1] = packed[from + 1];
      words.set(packed.subarray(from + 2, from + 2 + shape.hiddenSize), to + 4);
    }
    gpu.device.queue.writeBuffer(buffer, row * rowBytes, words, 0, rows * rowBytes);
    if (row > 0) await gpu.idle();
  }
}
