/** The modules that `scripts/build-wasm.mjs` makes of the folder `wasm`, and what they offer. */

/** In the order of their numbers. */
export const FAMILIES = ['baseline', 'relaxed16', 'relaxed32'] as const;
/** Which SIMD instructions do the products: see wasm/products.ts. */
export type KernelFamily = (typeof FAMILIES)[number];

/** A module's functions; addresses in its memory. */
export interface Kernels {
  /** Computes what the rows say. */
  step(): void;
  /** The life of a helper. */
  serve(thread: number, seen: number): number;
}

export function compile(wasm: Uint8Array<ArrayBuffer>): WebAssembly.Module {
  return new WebAssembly.Module(wasm);
}

export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): Kernels {
  const words = new Int32Array(memory.buffer);
  /** See wasm/shares.ts. Never called with one thread, so a page's thread may have kernels. */
  const sleep = (address: number, value: number): void => void Atomics.wait(words, address >> 2, value);
  // What the module exports is what the folder says.
  return new WebAssembly.Instance(module, { env: { memory, sleep } }).exports as unknown as Kernels;
}
