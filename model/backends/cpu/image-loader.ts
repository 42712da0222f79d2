/**
 * Brings the matrices of an image into the memory of the kernels, in pieces of which any thread takes the next one: two threads load twice as
 * fast, most of all because memory that is written for the first time costs the system more than everything that is done here.
 *
 * Matrices are looked at on the way, so nobody has to check them beside it; what is wrong with them is for `verifyWeights` to say.
 */
import { TRITS_PER_BYTE, type ModelShape, type SectionName } from '../../../protocol/image/model-shape.js';
import { areGroups } from '../../../protocol/image/weight-checks.js';
import { cpuUnsupported } from './cpu-error.js';
import { NEXT_PIECE, UNSOUND } from './layout.js';
import {
  blocksOf,
  groupsOfPiece,
  heapEnd,
  MOST_PAGES,
  PAGE_BYTES,
  planMemory,
  type MatrixPlace,
  type MemoryPlan,
} from './memory-plan.js';

/** Fills `into` with the bytes of a section from `offset` on. */
export type ReadSection = (section: Exclude<SectionName, 'tokenizer'>, offset: number, into: Uint8Array) => void;

/** The module `transcode` of the folder `wasm`. */
type Transcode = (
  from: number,
  groups: number,
  columns: number,
  to: number,
  blocks: number,
  blockBytes: number,
  scratch: number,
) => number;

/** The memory of a model that is to be loaded, all zero, and what loads it. Goes to other threads as it is. */
export interface ModelMemory {
  readonly plan: MemoryPlan;
  readonly memory: WebAssembly.Memory;
  /** The module `transcode`. */
  readonly transcoder: WebAssembly.Module;
}

/** @param transcoder bytes of the module `transcode` @throws CpuError */
export function memoryFor(shape: ModelShape, transcoder: Uint8Array<ArrayBuffer>): ModelMemory {
  const plan = planMemory(shape);
  const initial = Math.ceil(heapEnd(plan) / PAGE_BYTES);
  try {
    // Kernels are made for memory that can be shared, whether it is or not.
    const memory = new WebAssembly.Memory({ initial, maximum: MOST_PAGES, shared: true });
    return { plan, memory, transcoder: new WebAssembly.Module(transcoder) };
  } catch (cause) {
    throw cpuUnsupported('There is no memory for the model', cause);
  }
}

/** What is read at a time: groups of five rows of a matrix, from one on. */
interface Piece {
  readonly matrix: MatrixPlace;
  readonly group: number;
}

/** Every byte is a group of five weights; it is the largest that is. */
const LARGEST_GROUP = 242;

export class ImageLoader {
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #transcode: Transcode;
  readonly #read: ReadSection;
  readonly #staging: number;
  readonly #pieces: readonly Piece[];

  /** @param number of this loader, 0 or 1: what it works in */
  constructor({ plan, memory, transcoder }: ModelMemory, read: ReadSection, number: 0 | 1) {
    this.#bytes = new Uint8Array(memory.buffer);
    this.#words = new Int32Array(memory.buffer);
    // What the module exports is what its source says.
    this.#transcode = new WebAssembly.Instance(transcoder, { env: { memory } }).exports['transcode'] as Transcode;
    this.#read = read;
    this.#staging = plan.staging + number * plan.stagingStride;
    this.#pieces = piecesOf(plan);
  }

  /** Loads the next piece that nobody has taken. @returns false if there is none @throws what reading throws */
  loadPiece(): boolean {
    const piece = this.#pieces[Atomics.add(this.#words, NEXT_PIECE >> 2, 1)];
    if (piece === undefined) return false;
    if (!this.#loadGroups(piece)) Atomics.store(this.#words, UNSOUND >> 2, 1);
    return true;
  }

  /** Whether matrices were such, as far as they were loaded, by whichever thread (docs/IMAGE.md, section 6, item 5). */
  get isSound(): boolean {
    return Atomics.load(this.#words, UNSOUND >> 2) === 0;
  }

  /** @returns whether they are weights */
  #loadGroups({ matrix: { rows, columns, offset, address }, group }: Piece): boolean {
    const scratch = this.#staging;
    const staging = scratch + SCRATCH_BYTES;
    const blockBytes = 2 * 64 * Math.ceil(columns / 64);
    const blocks = Math.ceil(rows / 8);
    const count = Math.min(groupsOfPiece(columns), Math.ceil(rows / TRITS_PER_BYTE) - group);
    const bytes = this.#bytes.subarray(staging, staging + count * columns);
    this.#read('ternary', offset + group * columns, bytes);
    let largest = 0;
    for (let start = 0; start < count; start += 8) {
      const block = blocksOf(group + start);
      const largestOfThese = this.#transcode(
        staging + start * columns,
        Math.min(8, count - start),
        columns,
        address + block * blockBytes,
        Math.min(5, blocks - block),
        blockBytes,
        scratch,
      );
      largest = Math.max(largest, largestOfThese);
    }
    const rowsOfLast = rows - (group + count - 1) * TRITS_PER_BYTE;
    const isLastSound = rowsOfLast >= TRITS_PER_BYTE || areGroups(bytes.subarray(-columns), rowsOfLast);
    return isLastSound && largest <= LARGEST_GROUP;
  }
}

/** What `transcode` works in. */
const SCRATCH_BYTES = 640;

function piecesOf({ matrices }: MemoryPlan): Piece[] {
  return matrices.flatMap((matrix) => {
    const groups = Math.ceil(matrix.rows / TRITS_PER_BYTE);
    const step = groupsOfPiece(matrix.columns);
    return Array.from({ length: Math.ceil(groups / step) }, (_, k) => ({ matrix, group: k * step }));
  });
}
