/**
 * Products of a model on matrix units, tried with noise: whether they compute what the plain kernels do, and how fast.
 * Those of integers must have the same bits; those of half floats may be off by what rounding to them costs.
 */
import { BufferGroup } from '../../../backends/gpu/device/buffer-group.js';
import type { BufferPart, GpuDevice } from '../../../backends/gpu/device/gpu-device.js';
import { GpuError } from '../../../backends/gpu/device/gpu-error.js';
import { secondsOf } from '../../../backends/gpu/device/dispatch.js';
import { difference } from '../kernels/difference.js';
import { halve, halvesGroups, largest } from '../kernels/halves.js';
import { KernelList } from '../kernel-list.js';
import { rowSplits } from '../kernels/product-weights.js';
import { sumPartials, sumPartialsGroups } from '../kernels/sum-partials.js';
import { productKernel } from '../product-kernel.js';
import { toHalf } from '../../run/half.js';
import type { MatrixTile } from './matrix-product.js';
import { fits, matrixRowSplits, type ProductShape } from './products.js';
import { TILES } from './tiles.js';

/** What one tile does with one product. */
export interface TileMeasurement {
  readonly tile: MatrixTile;
  /** Largest difference from the plain kernel's result, relative to the largest of that. */
  readonly error: number;
  readonly seconds: number;
  /** Whether the result is the plain kernel's, or for half floats near enough. */
  readonly isRight: boolean;
}

export interface ProductMeasurement {
  readonly product: ProductShape;
  readonly plainSeconds: number;
  readonly tiles: readonly TileMeasurement[];
  /** Tiles that did not compile or run, with what was said. */
  readonly refused: readonly string[];
}

/** Of half floats: rounding costs 2⁻¹¹ of each factor at most, and that of sums is less. */
const HALF_TOLERANCE = 2e-3;
/** The power of two that noise is quantised with, so that halves hold its products with int8. */
const NOISE_STEP = 1 / 32;

/** Those that this card's matrix units may take. */
export async function productsForUnits(gpu: GpuDevice, products: readonly ProductShape[]): Promise<ProductShape[]> {
  const integers = await gpu.matricesWork();
  return products.filter(({ kind }) => (kind === 'product' ? integers : gpu.features.halves));
}

/** @param products of one model @throws GpuError if a plain kernel fails */
export async function measureProducts(
  gpu: GpuDevice,
  products: readonly ProductShape[],
  tiles: readonly MatrixTile[] = TILES,
): Promise<ProductMeasurement[]> {
  const tried = await productsForUnits(gpu, products);
  if (tried.length === 0) return [];
  const noise = await NoiseBuffers.create(gpu, tried);
  try {
    const prepared = tried.map((product) => prepare(gpu, noise, product, tiles));
    // A card that waits for its driver is slow for a while: all is compiled before anything is measured.
    for (const { plain, lists } of prepared) {
      await plain.ready();
      for (const { problem } of lists) await problem;
    }
    const measured: ProductMeasurement[] = [];
    for (const each of prepared) measured.push(await measureProduct(gpu, noise, each));
    return measured;
  } finally {
    noise.free();
  }
}

/** Seconds that the plain kernels of these products take together, with noise. @throws GpuError */
export async function plainSecondsOf(gpu: GpuDevice, products: readonly ProductShape[]): Promise<number> {
  const noise = await NoiseBuffers.create(gpu, products);
  try {
    const list = new KernelList(gpu);
    for (const product of products) addProduct(list, noise, product, undefined, noise.expected);
    await list.ready();
    return await secondsOf(gpu, list.dispatches);
  } finally {
    noise.free();
  }
}

/** Kernels on their way. */
interface PreparedProduct {
  readonly product: ProductShape;
  readonly plain: KernelList;
  readonly lists: readonly {
    readonly tile: MatrixTile;
    readonly list: KernelList;
    readonly problem: Promise<string>;
  }[];
}

function prepare(
  gpu: GpuDevice,
  noise: NoiseBuffers,
  product: ProductShape,
  tiles: readonly MatrixTile[],
): PreparedProduct {
  const plain = new KernelList(gpu);
  addProduct(plain, noise, product, undefined, noise.expected);
  const memory = gpu.limits.maxComputeWorkgroupStorageSize;
  const fitting = tiles.filter((tile) => fits(product, tile, memory));
  const lists = fitting.map((tile) => {
    const list = new KernelList(gpu);
    addProduct(list, noise, product, tile, noise.found);
    return { tile, list, problem: list.ready().then(() => '', whatWasSaid) };
  });
  return { product, plain, lists };
}

async function measureProduct(
  gpu: GpuDevice,
  noise: NoiseBuffers,
  { product, plain, lists }: PreparedProduct,
): Promise<ProductMeasurement> {
  const plainSeconds = await secondsOf(gpu, plain.dispatches);
  // Gradients of weights are added to what is there.
  await noise.cleared(noise.expected, plain);
  const measured: TileMeasurement[] = [];
  const refused: string[] = [];
  for (const { tile, list, problem } of lists) {
    const said = await problem;
    if (said !== '') {
      refused.push(said);
      continue;
    }
    const seconds = await secondsOf(gpu, list.dispatches);
    await noise.cleared(noise.found, list);
    const { most, largestDifference, unequal } = await noise.compared(resultLength(product));
    const error = largestDifference / most;
    const isRight = product.kind === 'product' ? unequal === 0 : error <= HALF_TOLERANCE;
    measured.push({ tile, error, seconds, isRight });
  }
  return { product, plainSeconds, tiles: measured, refused };
}

function whatWasSaid(error: unknown): string {
  return error instanceof GpuError ? (error.reason ?? error.message) : String(error);
}

/** Floats of the result. */
function resultLength({ kind, rows, outputs, inputs }: ProductShape): number {
  if (kind === 'product') return rows * outputs;
  return kind === 'inputs-back' ? rows * inputs : outputs * inputs;
}

/** @param tile undefined: the plain kernel */
function addProduct(
  list: KernelList,
  noise: NoiseBuffers,
  product: ProductShape,
  tile: MatrixTile | undefined,
  into: GPUBuffer,
): void {
  const { kind, outputs, inputs } = product;
  const { quantised, trits, mean, stats, steps, dOut, dOutHalves, tritHalves, normedHalves, top, partials } = noise;
  const { code, groups, splits } = productKernel(product, tile);
  if (kind === 'product') {
    list.add(kind, code, [quantised, trits, mean, stats, into], groups);
  } else if (kind === 'inputs-back') {
    list.add(kind, code, [...(tile ? [dOutHalves, tritHalves, mean, top] : [dOut, trits, mean]), into], groups);
  } else {
    list.add(kind, code, [...(tile ? [dOutHalves, normedHalves, top] : [dOut, quantised, steps]), partials], groups);
    const length = outputs * inputs;
    const sums = [partials, { buffer: into, size: 4 * length }];
    list.add('sum', sumPartials(length, splits), sums, sumPartialsGroups(length, splits));
  }
}

/** Factors, as large as the largest product needs them, and results. */
class NoiseBuffers {
  readonly #gpu: GpuDevice;
  readonly #own: BufferGroup;
  readonly quantised: GPUBuffer;
  readonly trits: GPUBuffer;
  readonly tritHalves: GPUBuffer;
  readonly normedHalves: GPUBuffer;
  readonly mean: GPUBuffer;
  /** Statistics of rows: steps that differ, and those that do not. */
  readonly stats: GPUBuffer;
  readonly steps: GPUBuffer;
  readonly dOut: GPUBuffer;
  readonly dOutHalves: GPUBuffer;
  readonly top: GPUBuffer;
  readonly partials: GPUBuffer;
  readonly expected: GPUBuffer;
  readonly found: GPUBuffer;
  readonly differences: GPUBuffer;

  private constructor(gpu: GpuDevice, products: readonly ProductShape[]) {
    this.#gpu = gpu;
    this.#own = new BufferGroup(gpu);
    const most = (of: (product: ProductShape) => number): number => Math.max(...products.map(of));
    const storage = (label: string, bytes: number): GPUBuffer => this.#own.storage(label, bytes);
    const filled = (label: string, data: ArrayBufferView<ArrayBuffer>): GPUBuffer => this.#own.filled(label, data);
    const rows = most(({ rows: count }) => count);
    const inputs = most(({ rows: count, inputs: width }) => count * width);
    const weights = most(({ outputs, inputs: width }) => outputs * width);
    const outputs = most(({ rows: count, outputs: width }) => count * width);
    const int8 = repeated(new Int8Array(inputs), (k) => (Math.imul(k + 1, 0x9e37_79b1) >> 24) | 0);
    const trits = repeated(new Int8Array(weights), (k) => ((Math.imul(k + 1, 0x85eb_ca6b) >>> 16) % 3) - 1);
    this.quantised = filled('noise', int8);
    this.trits = filled('noise', trits);
    this.normedHalves = filled('noise', halvesOf(int8, NOISE_STEP));
    this.tritHalves = filled('noise', halvesOf(trits, 1));
    this.mean = filled('noise', Float32Array.of(0.0173));
    this.stats = filled(
      'noise',
      Float32Array.from({ length: 4 * rows }, (_, k) => 0.01 + (k % 251) / 1000),
    );
    this.steps = filled('noise', new Float32Array(4 * rows).fill(NOISE_STEP));
    // As small as gradients are.
    this.dOut = filled(
      'noise',
      repeated(new Float32Array(outputs), (k) => Math.imul(k + 1, 0xc2b2_ae35) / 2 ** 50),
    );
    this.dOutHalves = storage('noise', 2 * outputs);
    this.top = storage('noise', 4);
    this.partials = storage(
      'noise',
      4 *
        most(({ rows: count, outputs: height, inputs: width }) => {
          const splits = Math.max(rowSplits(count, height, width), matrixRowSplits(count, height, width));
          return height * width * splits;
        }),
    );
    this.expected = storage('results', 4 * most(resultLength));
    this.found = storage('results', 4 * most(resultLength));
    this.differences = storage('differences', 12);
  }

  static async create(gpu: GpuDevice, products: readonly ProductShape[]): Promise<NoiseBuffers> {
    const noise = await gpu.allocating(() => new NoiseBuffers(gpu, products));
    const length = noise.dOut.size / 4;
    const list = new KernelList(gpu);
    list.add('largest', largest(length), [noise.dOut, noise.top], [halvesGroups(length)]);
    list.add('halve', halve(length), [noise.dOut, noise.top, noise.dOutHalves], [halvesGroups(length)]);
    await noise.#run(list);
    return noise;
  }

  /** Runs `list` once on a `target` of zeros. */
  async cleared(target: GPUBuffer, list: KernelList): Promise<void> {
    const commands = this.#gpu.device.createCommandEncoder();
    commands.clearBuffer(target);
    this.#gpu.submit(commands);
    await this.#run(list);
  }

  async #run(list: KernelList): Promise<void> {
    await list.ready();
    const commands = this.#gpu.device.createCommandEncoder();
    list.encode(commands);
    this.#gpu.submit(commands);
  }

  /** The results' first `length` floats. */
  async compared(length: number): Promise<{ most: number; largestDifference: number; unequal: number }> {
    const list = new KernelList(this.#gpu);
    const part = (buffer: GPUBuffer): BufferPart => ({ buffer, size: 4 * length });
    list.add(
      'difference',
      difference(length),
      [part(this.expected), part(this.found), this.differences],
      [halvesGroups(length)],
    );
    await this.cleared(this.differences, list);
    const bytes = await this.#gpu.copied(this.differences, 12);
    const [most, largestDifference] = new Float32Array(bytes);
    return { most, largestDifference, unequal: new Uint32Array(bytes)[2] };
  }

  free(): void {
    this.#own.free();
  }
}

/** A prime: rows of no width repeat with it. */
const PERIOD = 1_000_003;

/** Fills `values` with noise that repeats. */
function repeated<T extends Int8Array | Float32Array>(values: T, at: (k: number) => number): T {
  const once = Math.min(PERIOD, values.length);
  for (let k = 0; k < once; k++) values[k] = at(k);
  for (let done = once; done < values.length; done *= 2)
    values.copyWithin(done, 0, Math.min(done, values.length - done));
  return values;
}

/** value · step for all values, as halves, which hold that exactly. */
function halvesOf(values: Int8Array, step: number): Uint16Array<ArrayBuffer> {
  const each = toHalf(Float32Array.from({ length: 256 }, (_, byte) => ((byte << 24) >> 24) * step));
  return Uint16Array.from(values, (value) => each[value & 0xff]);
}
