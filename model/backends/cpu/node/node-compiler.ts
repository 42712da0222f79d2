/** How kernels are compiled in Node. */
import { setFlagsFromString } from 'node:v8';
import { compileKernels, type Compiler } from '../compile-kernels.js';
import type { KernelFamily, KernelModules } from '../kernels.js';
import { familiesOfNode, withRelaxedSimd } from './families.js';
import { moduleBytes } from './module-bytes.js';

/** Flags that are on otherwise. */
const LATER = ['liftoff', 'wasm-lazy-compilation'];
const WIDENING = 'experimental-wasm-revectorize';

/**
 * The pass that makes operations of 32 bytes out of two of 16 (wasm/products/wide-rows.ts) is an experiment of V8's, so
 * it is on for a few functions and nothing else of the process, and their results are compared.
 *
 * The flags are those of the process: what another thread compiles in these milliseconds is compiled alike, which takes
 * it longer and gives the same results. For V8 13 and newer (families.ts).
 */
const NODE_COMPILER: Compiler = {
  bytesOf: moduleBytes,
  whileOptimising(isWide, work) {
    for (const flag of LATER) setFlagsFromString(`--no-${flag}`);
    if (isWide) setFlagsFromString(`--${WIDENING}`);
    try {
      return work();
    } finally {
      if (isWide) setFlagsFromString(`--no-${WIDENING}`);
      for (const flag of LATER) setFlagsFromString(`--${flag}`);
    }
  },
};

/** Kernels compiled in this thread: see `compileKernels`. */
export function kernelsOfNode(families: readonly KernelFamily[] = familiesOfNode()): KernelModules {
  return withRelaxedSimd(() => compileKernels(families, NODE_COMPILER));
}
