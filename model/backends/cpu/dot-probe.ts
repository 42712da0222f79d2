/** Whether this engine, on this processor, computes the product of the family relaxed16 right. */
import { compile, memoryOf } from './kernels.js';

/**
 * What is called for the first time was compiled by the baseline compiler of V8, where a result takes the register of
 * an operand that is used no more.
 *
 * @param probe the module of wasm/probe/dot-probe.ts; compiled here for the first time
 * @throws CpuError `cpu-unsupported`
 */
export function computesDot(probe: Uint8Array<ArrayBuffer>): boolean {
  const module = compile(probe);
  const { exports } = new WebAssembly.Instance(module, { env: { memory: memoryOf(1) } });
  const { dot } = exports as { readonly dot: (q: number, code: number) => number };
  return dot(-5, 3) === -30;
}
