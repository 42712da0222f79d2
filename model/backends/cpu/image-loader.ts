/**
 * Brings the matrices of an image into the memory of the kernels. They are looked at on the way, so nobody has to check
 * them beside it; what is wrong with them is for `verifyWeights` to say.
 *
 * The memory belongs to the thread that computes: where another one has it, too, it stays until that one collects its
 * garbage, which is not soon, because engines do not count memory that is shared.
 */
import { TRITS_PER_BYTE, type ModelShape, type SectionName } from '../../../protocol/image/model-shape.js';
import { areGroups } from '../../../protocol/image/weight-checks.js';
import { compile, memoryOf } from './kernels.js';
import { foursOf, groupsOfPiece, heapEnd, MOST_PAGES, PAGE_BYTES, planMemory, type MemoryPlan } from './memory-plan.js';

/** Fills `into` with the bytes of a section from `offset` on. */
export type ReadSection = (section: Exclude<SectionName, 'tokenizer'>, offset: number, into: Uint8Array) => void;

/** The module `transcode` of the folder `wasm`. */
type Transcode = (
  from: number,
  groups: number,
  columns: number,
  to: number,
  fours: number,
  fourBytes: number,
  scratch: number,
) => number;

/** The memory of a model that is to be loaded, all zero, and what loads it. */
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
  return { plan, memory: memoryOf(initial, MOST_PAGES), transcoder: compile(transcoder) };
}

/** The largest byte that is a group of five weights. */
const LARGEST_GROUP = 242;
/** What `transcode` works in. */
const SCRATCH_BYTES = 240;

/**
 * @returns whether the matrices are such (docs/IMAGE.md, section 6, item 5); otherwise nothing may be computed
 * @throws what reading throws
 */
export function loadMatrices({ plan, memory, transcoder }: ModelMemory, read: ReadSection): boolean {
  const bytes = new Uint8Array(memory.buffer);
  // What the module exports is what its source says.
  const transcode = new WebAssembly.Instance(transcoder, { env: { memory } }).exports['transcode'] as Transcode;
  const staging = plan.staging + SCRATCH_BYTES;
  let isSound = true;
  for (const { rows, columns, offset, address } of plan.matrices) {
    const fourBytes = 64 * Math.ceil(columns / 64);
    const fours = 2 * Math.ceil(rows / 8);
    const groups = Math.ceil(rows / TRITS_PER_BYTE);
    const most = groupsOfPiece(columns);
    for (let group = 0; group < groups; group += most) {
      const count = Math.min(most, groups - group);
      const piece = bytes.subarray(staging, staging + count * columns);
      read('ternary', offset + group * columns, piece);
      for (let start = 0; start < count; start += 8) {
        const four = foursOf(group + start);
        const largest = transcode(
          staging + start * columns,
          Math.min(8, count - start),
          columns,
          address + four * fourBytes,
          fours - four,
          fourBytes,
          plan.staging,
        );
        isSound &&= largest <= LARGEST_GROUP;
      }
      const rowsOfLast = rows - (group + count - 1) * TRITS_PER_BYTE;
      isSound &&= rowsOfLast >= TRITS_PER_BYTE || areGroups(piece.subarray(-columns), rowsOfLast);
    }
  }
  return isSound;
}
