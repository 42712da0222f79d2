/**
 * One BitLinear forth and back, fused as training has it and unfused, with the same weights and inputs: what the paper
 * compares (arXiv 2406.02528, section 3.3).
 */
import { BufferGroup } from '../../../backends/gpu/device/buffer-group.js';
import type { BufferPart, GpuDevice } from '../../../backends/gpu/device/gpu-device.js';
import { BitLinearKernels, type BitLinearSetup } from '../bitlinear-kernels.js';
import { KernelList } from '../kernel-list.js';
import { blockSums, matrixMeans } from '../kernels/absolute-means.js';
import { TOP_STRIDE } from '../kernels/halves.js';
import { normBackGroups } from '../kernels/norm-back.js';
import { rowSplits } from '../kernels/product-weights.js';
import { ternarise } from '../kernels/ternarise.js';
import { matrixRowSplits, type TileOf } from '../matrix/products.js';
import { BLOCK, type ParameterLayout } from '../parameter-layout.js';
import { productsOf } from '../product-shapes.js';
import { Scratch } from './scratch.js';
import { UnfusedBitLinears } from './unfused-bitlinears.js';

/** Inputs and outputs are `width`. */
export interface LayerShape {
  readonly rows: number;
  /** A multiple of 32. */
  readonly width: number;
  /** Rows that fused kernels have in their scratch at a time; divides `rows`. */
  readonly pieceRows: number;
}

/** Weights, and what comes in from both sides. */
export interface LayerInputs {
  /** The matrix and the gain. */
  readonly parameters: GPUBuffer;
  /** [rows][width] */
  readonly v: GPUBuffer;
  readonly dOut: GPUBuffer;
}

export interface Layer {
  /** All of it, forth and back. Gradients are added to what is there. */
  readonly list: KernelList;
  /** Of all buffers but weights, their gradient and inputs. */
  readonly bytes: number;
  /** [rows][width] */
  readonly out: GPUBuffer;
  readonly dv: GPUBuffer;
  /** As the parameters. */
  readonly gradient: GPUBuffer;
  free(): void;
}

const NAMES = { weight: 'weight', norm: 'norm' } as const;

export function layerLayout(width: number): ParameterLayout {
  const length = width * width;
  return {
    places: new Map([
      [NAMES.weight, { offset: 0, length, matrix: 0 }],
      [NAMES.norm, { offset: length, length: width }],
    ]),
    total: length + width,
    ternary: length,
    matrices: length,
  };
}

export async function fusedLayer(
  gpu: GpuDevice,
  shape: LayerShape,
  inputs: LayerInputs,
  tileOf: TileOf,
): Promise<Layer> {
  return await layer(gpu, shape, inputs, (part) => {
    const { own } = part;
    const { rows, width, pieceRows } = shape;
    const out = own.storage('out', 4 * rows * width);
    const dv = own.storage('gradient of v', 4 * rows * width);
    const inHalves = productsOf({ rows: pieceRows, outputs: width, inputs: width }).some(
      (of) => of.kind !== 'product' && tileOf(of) !== undefined,
    );
    const ifHalves = (bytes: number): number => (inHalves ? bytes : 0);
    const buffers = {
      ...part.buffers,
      trits: own.storage('trits', width * width),
      tritHalves: own.storage('trits in halves', ifHalves(2 * width * width)),
      quantised: own.storage('quantised', pieceRows * width),
      normedHalves: own.storage('normed in halves', ifHalves(2 * pieceRows * width)),
      stats: own.storage('row statistics', 16 * pieceRows),
      halves: own.storage('gradients in halves', ifHalves(2 * pieceRows * width)),
      tops: own.storage('largest gradients', (4 * TOP_STRIDE * rows) / pieceRows),
      dNormed: own.storage('gradient of normed', 4 * pieceRows * width),
    };
    const setup = { ...part, buffers, batch: { sequences: 1, length: pieceRows }, tileOf };
    const list = preparing(setup, part, inHalves);
    const kernels = new BitLinearKernels(setup, list);
    const square = { outputs: width, inputs: width };
    const form = kernels.formForBack(square);
    const pieces = Array.from({ length: rows / pieceRows }, (_, k) => (buffer: GPUBuffer): BufferPart => {
      const size = 4 * pieceRows * width;
      return { buffer, offset: k * size, size };
    });
    for (const piece of pieces) {
      kernels.quantise(piece(inputs.v), NAMES, width);
      kernels.product(NAMES, square, piece(out));
    }
    for (const piece of pieces) {
      kernels.quantise(piece(inputs.v), NAMES, width, { form });
      kernels.back(NAMES, square, { v: piece(inputs.v), dOut: piece(inputs.dOut), dv: piece(dv) });
    }
    return { list, out, dv, free: () => {} };
  });
}

export async function unfusedLayer(
  gpu: GpuDevice,
  shape: LayerShape,
  inputs: LayerInputs,
  tileOf: TileOf,
): Promise<Layer> {
  return await layer(gpu, shape, inputs, (part) => {
    const { rows, width, pieceRows } = shape;
    const none = part.own.storage('nothing', 4);
    const unused = {
      trits: none,
      tritHalves: none,
      quantised: none,
      normedHalves: none,
      stats: none,
      halves: none,
      tops: none,
      dNormed: none,
    };
    const setup = {
      ...part,
      buffers: { ...part.buffers, ...unused },
      batch: { sequences: 1, length: rows },
      tileOf: () => undefined,
    };
    const list = preparing(setup, part);
    const scratch = new Scratch(gpu);
    // A tile fits as many rows as there are pieces.
    const inPieces: TileOf = (product) => tileOf({ ...product, rows: pieceRows });
    const kernels = new UnfusedBitLinears(setup, list, {
      scratch,
      products: productsOf({ rows, outputs: width, inputs: width }),
      tileOf: inPieces,
    });
    const square = { outputs: width, inputs: width };
    kernels.quantise(inputs.v, NAMES, width);
    // There from here on: what was before has given back its own.
    const out = scratch.take(4 * rows * width);
    kernels.product(NAMES, square, out);
    const dv = scratch.take(4 * rows * width);
    kernels.back(NAMES, square, { v: inputs.v, dOut: inputs.dOut, dv });
    return { list, out, dv, free: () => scratch.free() };
  });
}

/** What both have. */
interface LayerPart {
  readonly gpu: GpuDevice;
  readonly own: BufferGroup;
  readonly config: BitLinearSetup['config'];
  readonly layout: ParameterLayout;
  readonly buffers: Pick<BitLinearSetup['buffers'], 'parameters' | 'gradient' | 'means' | 'partials'>;
  readonly sums: GPUBuffer;
}

async function layer(
  gpu: GpuDevice,
  { rows, width, pieceRows }: LayerShape,
  { parameters }: LayerInputs,
  build: (part: LayerPart) => Pick<Layer, 'list' | 'out' | 'dv' | 'free'>,
): Promise<Layer> {
  const before = gpu.allocatedBytes;
  const { part, list, out, dv, free } = await gpu.allocating(() => {
    const own = new BufferGroup(gpu);
    const layout = layerLayout(width);
    const splits = [rows, pieceRows].flatMap((n) => [rowSplits(n, width, width), matrixRowSplits(n, width, width)]);
    const sums = Math.max(width * width * Math.max(...splits), width * normBackGroups(rows));
    const made: LayerPart = {
      gpu,
      own,
      config: { rmsNormEps: 1e-6 },
      layout,
      buffers: {
        parameters,
        gradient: own.storage('gradients', 4 * layout.total),
        means: own.storage('means', 4),
        partials: own.storage('partial sums', 4 * sums),
      },
      sums: own.storage('block sums', (4 * layout.ternary) / BLOCK),
    };
    return { part: made, ...build(made) };
  });
  await list.ready();
  const { own, buffers } = part;
  return {
    list,
    bytes: gpu.allocatedBytes - before - buffers.gradient.size,
    out,
    dv,
    gradient: buffers.gradient,
    free: () => {
      own.free();
      free();
    },
  };
}

/** Means of the weights, and fused the trits. */
function preparing({ buffers }: BitLinearSetup, { gpu, own, layout, sums }: LayerPart, inHalves?: boolean): KernelList {
  const list = new KernelList(gpu);
  const blocks = layout.ternary / BLOCK;
  const { parameters, means } = buffers;
  const table = own.filled('matrices', Uint32Array.of(0, blocks, layout.ternary, 0));
  list.add('block-sums', blockSums(), [parameters, sums], [blocks]);
  list.add('means', matrixMeans(), [sums, table, means], [1]);
  if (inHalves === undefined) return list;
  const matrixOf = own.filled('matrix of', new Uint32Array(blocks));
  const parts = [parameters, means, matrixOf, buffers.trits, ...(inHalves ? [buffers.tritHalves] : [])];
  list.add('ternarise', ternarise(inHalves), parts, [blocks]);
  return list;
}
