/** Whether this engine, on this processor, computes the product of the family relaxed16 right. */

/**
 * What is called for the first time was compiled by the baseline compiler of V8, where a result takes the register of
 * an operand that is used no more.
 *
 * @param probe the module of wasm/probe/dot-probe.ts; compiled here for the first time
 */
export function computesDot(probe: Uint8Array<ArrayBuffer>): boolean {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(probe), { env: { memory } });
  const { dot } = exports as { readonly dot: (q: number, code: number) => number };
  return dot(-5, 3) === -30;
}
