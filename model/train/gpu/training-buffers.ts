/**
 * The buffers of a training run. N rows (tokens) are at work at a time; what a block keeps for the way back is there
 * once a layer.
 */
import type { GpuDevice } from '../../backends/gpu/device/gpu-device.js';
import { USAGE } from '../../backends/gpu/device/gpu-usage.js';
import type { ModelConfig } from '../../config.js';
import { TOP_STRIDE } from './kernels/halves.js';
import { mlgruGroups, scanChunks } from './kernels/mlgru.js';
import { normBackGroups } from './kernels/norm-back.js';
import { rowSplits } from './kernels/product-weights.js';
import { STEP_WORDS, sweeps } from './kernels/optimiser.js';
import { matrixRowSplits } from './matrix/products.js';
import { ALIGNMENT, BLOCK, MEAN_STRIDE, type ParameterLayout } from './parameter-layout.js';

/** How many rows go through at a time. */
export interface BatchShape {
  readonly sequences: number;
  /** Tokens of a sequence. */
  readonly length: number;
}

/** Kept from the way forth until the way back, of one layer. */
export interface LayerBuffers {
  /** [N][H] what comes into the block. */
  readonly x: GPUBuffer;
  /** [N][H] pre-activations, and then their gradients. */
  readonly i: GPUBuffer;
  readonly f: GPUBuffer;
  /** [N][H] */
  readonly g: GPUBuffer;
  /** [N][H] states. */
  readonly h: GPUBuffer;
  /** [N][H] between the two halves of the block. */
  readonly middle: GPUBuffer;
  /** [N][2·I] gate and up, and then their gradients. */
  readonly u: GPUBuffer;
}

/** For logits, where nothing else is said. */
const LOGIT_BYTES = 128 << 20;

/**
 * Rows whose logits are there at a time: a multiple of 64, so that parts of buffers can be bound. A row of logits costs
 * 4·V bytes.
 */
export function logitRows(rows: number, vocabulary: number, logitBytes = LOGIT_BYTES): number {
  return Math.min(rows, 64 * Math.max(1, Math.floor(logitBytes / (4 * vocabulary * 64))));
}

/** Those rows, one piece behind the other. */
export function headPieces(rows: number, pieceRows: number): { readonly first: number; readonly rows: number }[] {
  return Array.from({ length: Math.ceil(rows / pieceRows) }, (_, k) => ({
    first: k * pieceRows,
    rows: Math.min(pieceRows, rows - k * pieceRows),
  }));
}

/** Those that are there once; shapes are where they are made. */
type BufferName =
  | 'parameters'
  | 'gradient'
  | 'first'
  | 'second'
  | 'trits'
  | 'blockSums'
  | 'means'
  | 'bounds'
  | 'dBounds'
  | 'last'
  | 'plain'
  | 'dPlain'
  | 'quantised'
  | 'stats'
  | 'gateStats'
  | 'dNormed'
  | 'dBlock'
  | 'dx'
  | 'dStates'
  | 'dg'
  | 'logits'
  | 'losses'
  | 'carries'
  | 'partials'
  | 'tritHalves'
  | 'normedHalves'
  | 'halves'
  | 'tops'
  | 'ids'
  | 'targets'
  | 'order'
  | 'runs'
  | 'squareSums'
  | 'report'
  | 'step';

export interface TrainingBuffers extends Readonly<Record<BufferName, GPUBuffer>> {
  readonly layers: readonly LayerBuffers[];
  /** Floats from the bounds of a layer to those of the next. */
  readonly boundStride: number;
}

/** What makes them, or only counts them. */
export type BufferMaker = Pick<GpuDevice, 'buffer' | 'storage'>;

export interface BufferNeeds {
  /** Rows whose logits are there at a time. */
  readonly pieceRows: number;
  /** Whether any of the way back goes through matrix units, in half floats. */
  readonly halves: boolean;
}

/** @throws GpuError when one of them is larger than the adapter allows */
export function trainingBuffers(
  gpu: BufferMaker,
  config: ModelConfig,
  layout: ParameterLayout,
  batch: BatchShape,
  { pieceRows, halves }: BufferNeeds,
): TrainingBuffers {
  const { hiddenSize: H, intermediateSize: I, vocabSize: V, layers } = config;
  const N = batch.sequences * batch.length;
  const wide = Math.max(H, I);
  const floats = (label: string, count: number): GPUBuffer => gpu.storage(label, 4 * count);
  const boundStride = ALIGNMENT * Math.ceil(H / ALIGNMENT);
  const weightSums = [
    [H, H],
    [2 * I, H],
    [H, I],
    [V, H],
  ].map(([r, c]) => {
    const splits = [N, pieceRows].flatMap((n) => [rowSplits(n, r, c), halves ? matrixRowSplits(n, r, c) : 0]);
    return r * c * Math.max(...splits);
  });
  const ifHalves = (bytes: number): number => (halves ? bytes : 0);
  return {
    parameters: floats('parameters', layout.total),
    gradient: floats('gradients', layout.total),
    first: floats('first moments', layout.total),
    second: floats('second moments', layout.total),
    trits: gpu.storage('trits', layout.ternary),
    blockSums: floats('block sums', layout.ternary / BLOCK),
    means: floats('means', MEAN_STRIDE * (7 * layers + 1)),
    /** [L][H], a layer's `boundStride` floats from the next. */
    bounds: floats('lower bounds', layers * boundStride),
    dBounds: floats('gradients of the bounds', layers * boundStride),
    boundStride,
    layers: Array.from({ length: layers }, (): LayerBuffers => ({
      x: floats('x', N * H),
      i: floats('i', N * H),
      f: floats('f', N * H),
      g: floats('g', N * H),
      h: floats('h', N * H),
      middle: floats('middle', N * H),
      u: floats('u', N * 2 * I),
    })),
    /** [N][H] what comes out of the last block. */
    last: floats('last', N * H),
    /** [N][max(H, I)] what goes into `o` or `down`. */
    plain: floats('plain', N * wide),
    dPlain: floats('gradient of plain', N * wide),
    /** [N][max(H, I)] int8. */
    quantised: gpu.storage('quantised', N * wide),
    /** [N][4] */
    stats: floats('row statistics', N * 4),
    gateStats: floats('statistics of g', N * 4),
    /** [N][max(H, I)] gradient of a BitLinear's normed input. */
    dNormed: floats('gradient of normed', N * wide),
    /** [N][H] gradients of a block's normed input, of the residual, of states, of g. */
    dBlock: floats('gradient of block norm', N * H),
    dx: floats('gradient of x', N * H),
    dStates: floats('gradient of states', N * H),
    dg: floats('gradient of g', N * H),
    logits: floats('logits', pieceRows * V),
    losses: floats('losses', N),
    /** What chunks of sequences make of what comes into them: two floats each. */
    carries: floats('carries', 2 * batch.sequences * scanChunks(batch.length) * H),
    /** Sums that kernels leave for `sumPartials`. */
    partials: floats(
      'partial sums',
      Math.max(...weightSums, wide * normBackGroups(N), 64 * mlgruGroups(batch.sequences, batch.length, H)),
    ),
    /** As `trits`. */
    tritHalves: gpu.storage('trits in halves', ifHalves(2 * layout.ternary)),
    /** [N][max(H, I)] the normed input of a BitLinear, as it is quantised. */
    normedHalves: gpu.storage('normed in halves', ifHalves(2 * N * wide)),
    /** [N][outputs] gradients of what comes out of one. */
    halves: gpu.storage('gradients in halves', ifHalves(2 * Math.max(N * H, N * 2 * I, pieceRows * V))),
    /** Bits of the largest of each. */
    tops: floats('largest gradients', halves ? TOP_STRIDE * 7 * layers : 0),
    ids: floats('ids', N),
    targets: floats('targets', N),
    order: floats('order', N),
    runs: floats('runs', 4 * Math.min(N, V)),
    squareSums: floats('square sums', sweeps(layout.total)),
    /** Loss, norm of the gradients. */
    report: floats('report', 4),
    step: gpu.buffer('step', 4 * STEP_WORDS, USAGE.uniform | USAGE.copyTarget),
  };
}
