/** The modules that `scripts/build-wasm.mjs` makes of the folder `wasm`, and what they offer. */
import { cpuUnsupported } from './cpu-error.js';

/** In the order of their numbers. */
export const FAMILIES = ['baseline', 'relaxed16', 'relaxed32', 'wide16', 'wide32'] as const;
/** Which instructions do the products: see wasm/products. */
export type KernelFamily = (typeof FAMILIES)[number];

/** Families for registers of 32 bytes, and what does the same with 16. */
export const NARROW: Partial<Record<KernelFamily, KernelFamily>> = { wide16: 'relaxed16', wide32: 'relaxed32' };

export type KernelModule = WebAssembly.Module;

/** Compiled: everything but the products, and those of each family that is used. */
export interface KernelModules {
  readonly step: KernelModule;
  readonly products: ReadonlyMap<KernelFamily, KernelModule>;
}

/** The functions of a family; addresses in its memory. */
export interface Kernels {
  /** Computes what the rows say. */
  step(): void;
  /** The life of a helper. */
  serve(thread: number, seen: number): number;
}

/** What wasm/step.ts exports. */
interface StepExports {
  step(): void;
  serve(family: number, thread: number, seen: number): number;
}

/** @throws CpuError `cpu-unsupported` where WebAssembly has no SIMD, as on processors without SSE4.1 */
export function compile(wasm: Uint8Array<ArrayBuffer>): KernelModule {
  try {
    return new WebAssembly.Module(wasm);
  } catch (cause) {
    throw cpuUnsupported(
      `Kernels cannot be compiled: ${cause instanceof Error ? cause.message : String(cause)}.`,
      cause,
    );
  }
}

/** Kernels are made for memory that can be shared, whether it is or not. @throws CpuError `cpu-unsupported` */
export function memoryOf(initial: number, maximum = initial): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial, maximum, shared: true });
  } catch (cause) {
    throw cpuUnsupported(
      `There is no memory for it: ${cause instanceof Error ? cause.message : String(cause)}.`,
      cause,
    );
  }
}

/** The kernels of each family. */
export function instantiate(
  { step, products }: KernelModules,
  memory: WebAssembly.Memory,
): ReadonlyMap<KernelFamily, Kernels> {
  const words = new Int32Array(memory.buffer);
  /** See wasm/shares.ts. Never called with one thread, so a page's thread may have kernels. */
  const sleep = (address: number, value: number): void => void Atomics.wait(words, address >> 2, value);
  const env = { memory, sleep };
  return new Map(
    [...products].map(([family, module]) => {
      const imports = { env, products: new WebAssembly.Instance(module, { env }).exports };
      // What the module exports is what the folder says.
      const exports = new WebAssembly.Instance(step, imports).exports as unknown as StepExports;
      const number = FAMILIES.indexOf(family);
      return [family, { step: () => exports.step(), serve: (thread, seen) => exports.serve(number, thread, seen) }];
    }),
  );
}
