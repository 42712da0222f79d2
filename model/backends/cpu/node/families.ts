/** Which kernels this version of Node computes right, and how they are turned on. */
import type { KernelFamily } from '../kernels.js';
import { MAX_THREADS } from '../layout.js';

/**
 * Relaxed SIMD has no flag since V8 12 (Node 22). In V8 11.3 (Node 20) it is behind one, and its baseline compiler makes
 * `i32x4.relaxed_dot_i8x16_i7x16_add_s` lose its accumulator, while the optimising compiler does not: the same kernel is wrong at first and right
 * later, so no self-test clears it.
 */
export function familiesOfNode(v8Version: string = process.versions.v8): readonly KernelFamily[] {
  const major = Number.parseInt(v8Version, 10);
  if (major >= 12) return ['relaxed16', 'relaxed32', 'baseline'];
  return major === 11 ? ['relaxed16', 'baseline'] : ['baseline'];
}

/**
 * How many threads may compute together: one on Node 20, where two stop now and then while the kernels are compiled by the baseline compiler only
 * (with `--liftoff-only` always, with `--no-liftoff` never; Node 22 and 24 do not).
 */
export function threadsOfNode(cores: number, v8Version: string = process.versions.v8): number {
  return Number.parseInt(v8Version, 10) >= 12 ? Math.min(MAX_THREADS, cores) : 1;
}

export function needsRelaxedFlag(v8Version: string = process.versions.v8): boolean {
  return Number.parseInt(v8Version, 10) === 11;
}
