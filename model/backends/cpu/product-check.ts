/** Whether two families of products give the same sums here, and which of them is faster. */
import { memoryOf, type KernelModule } from './kernels.js';
import { MASKS } from './layout.js';
import { CODE_MASKS } from './memory-plan.js';

/** Of wasm/products/blocks.ts. */
type MultiplyBlocks = (
  blocks: number,
  count: number,
  q: number,
  stride: number,
  rows: number,
  columns: number,
  sums: number,
  sumsStride: number,
) => void;

/** Where things lie; a memory of four pages has room for all. */
const MASK_BYTES = 4096;
const VECTORS = 8192;
const SUMS = 32768;
const BLOCKS = 65536;
const PAGES = 4;

/** Columns with room for sums of 16 bits once, several times and not evenly; rows with and without four at once. */
const COLUMNS = [64, 256, 832, 2112];
const ROWS = [1, 4, 6];
const COUNT = 5;
/** Bytes that are not repeated: a prime, so that rows differ. */
const DIFFERENT = 509;
/** Codes of two rows, of 0 … 2 each. */
const CODES = [0, 1, 2, 4, 5, 6, 8, 9, 10, 0, 2, 5, 6, 8, 9, 10];

/** Of one timing: weights in the cache. */
const TIMED_COLUMNS = 2048;
const TIMED_BLOCKS = 16;
const TRIALS = 7;

export class ProductCheck {
  readonly #memory = memoryOf(PAGES);

  constructor() {
    const bytes = new Uint8Array(this.#memory.buffer);
    new Uint32Array(bytes.buffer)[MASKS >> 2] = MASK_BYTES;
    bytes.set(CODE_MASKS, MASK_BYTES);
    // Pseudo-random, the same each time; every seventh activation is as large as can be, of either sign. Not many, and
    // then again and again: this is done whenever a machine is opened, by code that has just been loaded.
    let seed = 1;
    const next = (): number => (seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0) >>> 24;
    for (let k = 0; k < DIFFERENT; k++) {
      bytes[VECTORS + k] = k % 7 === 0 ? (k % 2 === 0 ? 127 : -127) : (next() % 255) - 127;
      bytes[BLOCKS + k] = CODES[next() & 15] | (CODES[next() & 15] << 4);
    }
    for (const [from, to] of [[VECTORS, SUMS] as const, [BLOCKS, bytes.length] as const]) {
      for (let length = DIFFERENT; from + length < to; length *= 2) {
        bytes.copyWithin(from + length, from, Math.min(from + length, to - length));
      }
    }
  }

  /** Whether both give the same sums, of whatever shape. */
  areEqual(one: KernelModule, other: KernelModule): boolean {
    const [first, second] = [this.#productsOf(one), this.#productsOf(other)];
    return COLUMNS.every((columns) =>
      ROWS.every((rows) => {
        const expected = this.#sumsOf(second, columns, rows);
        return this.#sumsOf(first, columns, rows).every((sum, k) => sum === expected[k]);
      }),
    );
  }

  /** Whether one module takes less time; both are compiled, and neither gets faster later. */
  isFaster(one: KernelModule, other: KernelModule): boolean {
    const contestants = [one, other].map((module) => ({ multiply: this.#productsOf(module), ms: Infinity }));
    for (let trial = 0; trial < TRIALS; trial++) {
      for (const contestant of contestants) {
        const start = performance.now();
        contestant.multiply(BLOCKS, TIMED_BLOCKS, VECTORS, TIMED_COLUMNS, 1, TIMED_COLUMNS, SUMS, 32);
        contestant.ms = Math.min(contestant.ms, performance.now() - start);
      }
    }
    return contestants[0].ms < contestants[1].ms;
  }

  #sumsOf(multiply: MultiplyBlocks, columns: number, rows: number): Int32Array {
    const sums = new Int32Array(this.#memory.buffer, SUMS, 8 * rows * COUNT);
    sums.fill(-1);
    multiply(BLOCKS, COUNT, VECTORS, columns, rows, columns, SUMS, 32);
    return sums.slice();
  }

  #productsOf(module: KernelModule): MultiplyBlocks {
    const { exports } = new WebAssembly.Instance(module, { env: { memory: this.#memory } });
    return exports['multiplyBlocks'] as MultiplyBlocks;
  }
}
