/** Compiles the kernels, and finds out which of them are worth it. */
import { compile, NARROW, type KernelFamily, type KernelModule, type KernelModules } from './kernels.js';
import { ProductCheck } from './product-check.js';

/** Of where this runs. */
export interface Compiler {
  bytesOf(name: KernelFamily | 'step'): Uint8Array<ArrayBuffer>;
  /** Calls `work` while everything is compiled by the optimising compiler, at once; and wide, if that is wanted. */
  whileOptimising<T>(isWide: boolean, work: () => T): T;
}

/**
 * @param families that this engine may compute right, the best first
 * @returns wide families where their sums are right and take less time, narrow ones otherwise; at least one
 */
export function compileKernels(families: readonly KernelFamily[], compiler: Compiler): KernelModules {
  const step = compile(compiler.bytesOf('step'));
  const wide = compileWide(families, compiler);
  const narrow = families.filter((family) => NARROW[family] === undefined);
  const left = narrow.filter((family) => ![...wide.keys()].some((name) => NARROW[name] === family));
  const products = new Map(wide);
  // Whoever allows nothing else gets what is right everywhere.
  for (const family of left.length + wide.size === 0 ? (['baseline'] as const) : left) {
    products.set(family, compile(compiler.bytesOf(family)));
  }
  return { step, products };
}

/** Those that are right, or none if the first of them takes longer than its narrow one. */
function compileWide(families: readonly KernelFamily[], compiler: Compiler): ReadonlyMap<KernelFamily, KernelModule> {
  const wide = families.filter((family) => NARROW[family] !== undefined);
  const compiled = new Map<KernelFamily, KernelModule>();
  if (wide.length === 0) return compiled;
  // What is checked now is what will run: no other compiler takes over later.
  const optimised = (family: KernelFamily): KernelModule => {
    const bytes = compiler.bytesOf(family);
    return compiler.whileOptimising(NARROW[family] !== undefined, () => compile(bytes));
  };
  const check = new ProductCheck();
  const baseline = compile(compiler.bytesOf('baseline'));
  for (const family of wide) {
    const module = optimised(family);
    if (check.areEqual(module, baseline)) compiled.set(family, module);
  }
  const [[first, module] = []] = compiled;
  const other = first && NARROW[first];
  if (module === undefined || other === undefined || !families.includes(other)) return compiled;
  return check.isFaster(module, optimised(other)) ? compiled : new Map();
}
