/** Which kernels this version of Node computes right, and how they are turned on. */
import { setFlagsFromString } from 'node:v8';
import type { KernelFamily } from '../kernels.js';

/**
 * Relaxed SIMD has no flag since V8 12 (Node 22). In V8 11.3 (Node 20) it is behind one, and its baseline compiler
 * makes `i32x4.relaxed_dot_i8x16_i7x16_add_s` lose its accumulator, while the optimising compiler does not: the same
 * kernel is wrong at first and right later, so no self-test clears it.
 */
export function familiesOfNode(v8Version: string = process.versions.v8): readonly KernelFamily[] {
  const major = Number.parseInt(v8Version, 10);
  if (major >= 12) return ['relaxed16', 'relaxed32', 'baseline'];
  return major === 11 ? ['relaxed16', 'baseline'] : ['baseline'];
}

/** Before anything is compiled, in each thread that compiles. */
export function turnOnRelaxedSimd(): void {
  if (Number.parseInt(process.versions.v8, 10) === 11) setFlagsFromString('--experimental-wasm-relaxed-simd');
}
