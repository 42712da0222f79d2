/**
 * A thread that is lent to the kernels: it sleeps in WebAssembly until the first one rings, and never comes back to
 * hear messages.
 */
import { FAMILIES, instantiate, type KernelModules } from './kernels.js';
import { KERNELS, LISTENING } from './layout.js';

export interface HelperJob {
  /** Its number, 1 … */
  readonly thread: number;
  readonly memory: WebAssembly.Memory;
  readonly modules: KernelModules;
}

/** Computes until the thread is ended. */
export function help({ thread, memory, modules }: HelperJob): never {
  const kernels = instantiate(modules, memory);
  const families = FAMILIES.map((family) => kernels.get(family));
  const words = new Int32Array(memory.buffer);
  Atomics.add(words, LISTENING >> 2, 1);
  // Kernels of one family give way when the bell rings for another.
  for (let seen = 0; ;) seen = families[words[KERNELS >> 2]]?.serve(thread, seen) ?? seen;
}
