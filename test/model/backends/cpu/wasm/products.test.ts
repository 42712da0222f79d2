/** The products of each family against sums in JavaScript, also where every sum is as large as it can be. */
import { describe, expect, it } from 'vitest';
import type { KernelFamily } from '../../../../../model/backends/cpu/kernels.js';
import { MASKS } from '../../../../../model/backends/cpu/layout.js';
import { CODE_MASKS } from '../../../../../model/backends/cpu/memory-plan.js';
import { familiesOfNode } from '../../../../../model/backends/cpu/node/families.js';
import { kernelsOfNode } from '../../../../../model/backends/cpu/node/node-compiler.js';

/** How a matrix and its vectors are filled. */
interface Pattern {
  /** −127 … 127. */
  readonly activation: (row: number, column: number) => number;
  /** 0 … 2. */
  readonly code: (row: number, column: number) => number;
}

/** Of which Node's types know nothing. */
const { Memory, Instance } = Reflect.get(globalThis, 'WebAssembly') as {
  readonly Memory: new (of: { initial: number; maximum: number; shared: true }) => {
    readonly buffer: SharedArrayBuffer;
  };
  readonly Instance: new (module: unknown, imports: unknown) => { readonly exports: Readonly<Record<string, unknown>> };
};
type MultiplyBlocks = (...args: readonly number[]) => void;

const MASK_BYTES = 4096;
const SUMS = 8192;
const VECTORS = 16_384;
const BLOCKS = 65_536;
const PAGES = 4;

/** Of eight rows each. */
const COUNT = 2;
/** Longer than what any family sums in 16 bits. */
const COLUMNS = [64, 576, 1088, 2112, 4160];
/** Vectors: singly, four at once, both. */
const ROWS = [1, 4, 6];

const PATTERNS: Readonly<Record<string, Pattern>> = {
  'the largest sums': { activation: () => 127, code: () => 2 },
  'the smallest sums': { activation: () => -127, code: () => 2 },
  'signs that differ in a pair, codes in a block': {
    activation: (row, column) => ((row + column) % 2 === 0 ? 127 : -127),
    code: (row, column) => (row + (column >> 4)) % 3,
  },
  'different rows and columns': {
    activation: (row, column) => ((row * 31 + column * 57) % 255) - 127,
    code: (row, column) => (row * 7 + column * column) % 3,
  },
};

describe.each(familiesOfNode())('%s', (family) => {
  const memory = new Memory({ initial: PAGES, maximum: PAGES, shared: true });
  const multiplyBlocks = productsOf(family, memory);

  it.each(Object.keys(PATTERNS))('sums exactly: %s', (name) => {
    const { activation, code } = PATTERNS[name]!;
    for (const columns of COLUMNS) {
      const bytes = new Uint8Array(memory.buffer);
      for (let row = 0; row < 8 * COUNT; row++) {
        for (let k = 0; k < columns; k++) {
          const at = BLOCKS + (row >> 2) * columns + k;
          const before = row % 4 === 0 ? 0 : bytes[at]!;
          bytes[at] = before | (code(row, k) << (2 * (row % 4)));
        }
      }
      for (const rows of ROWS) {
        for (let row = 0; row < rows; row++) {
          for (let k = 0; k < columns; k++) bytes[VECTORS + row * columns + k] = activation(row, k);
        }
        multiplyBlocks(BLOCKS, COUNT, VECTORS, columns, rows, columns, SUMS, 32);
        const sums = [...new Int32Array(memory.buffer, SUMS, 8 * COUNT * rows)];
        expect({ columns, rows, sums }).toEqual({ columns, rows, sums: sumsOf(PATTERNS[name]!, columns, rows) });
      }
    }
  });
});

/** As the kernels write them: [block][row of the vectors][row of the block]. */
function sumsOf({ activation, code }: Pattern, columns: number, rows: number): number[] {
  return Array.from({ length: 8 * COUNT * rows }, (_, at) => {
    const block = Math.floor(at / (8 * rows));
    const row = Math.floor(at / 8) % rows;
    let sum = 0;
    for (let k = 0; k < columns; k++) sum += activation(row, k) * code(8 * block + (at % 8), k);
    return sum;
  });
}

function productsOf(family: KernelFamily, memory: InstanceType<typeof Memory>): MultiplyBlocks {
  const bytes = new Uint8Array(memory.buffer);
  new Uint32Array(memory.buffer)[MASKS >> 2] = MASK_BYTES;
  bytes.set(CODE_MASKS, MASK_BYTES);
  const module = kernelsOfNode([family]).products.get(family)!;
  const { multiplyBlocks } = new Instance(module, { env: { memory } }).exports;
  return multiplyBlocks as MultiplyBlocks;
}
