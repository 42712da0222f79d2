/** Memory to read for the sake of reading, shared by threads: what the kernels are compared with (wasm/read-all.ts). */
import { memoryOf } from './kernels.js';

const PAGE_BYTES = 65_536;

/** Addresses are multiples of it: eight loads of 16 bytes, a round of the loop. */
export const ROUND_BYTES = 128;

/** Goes to other threads as it is. */
export interface ReadableMemory {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
}

/** @param wasm the module `read-all` @param bytes a multiple of 64 KiB @throws CpuError */
export async function makeReadable(wasm: Uint8Array<ArrayBuffer>, bytes: number): Promise<ReadableMemory> {
  const pages = bytes / PAGE_BYTES;
  const memory = memoryOf(pages);
  // Pages that nobody wrote are all the same page.
  new Uint8Array(memory.buffer).fill(1);
  return { module: await WebAssembly.compile(wasm), memory };
}

/** What reads from one address to another, and gives a sum, so that no compiler leaves the reading out. */
export function readerOf({ module, memory }: ReadableMemory): (from: number, to: number) => bigint {
  const { readAll } = new WebAssembly.Instance(module, { env: { memory } }).exports;
  // What the module exports is what its source says.
  return readAll as (from: number, to: number) => bigint;
}
