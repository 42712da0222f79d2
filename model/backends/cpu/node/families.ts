/** Which kernels this version of Node computes right, and how they are turned on. */
import { setFlagsFromString } from 'node:v8';
import { computesDot } from '../dot-probe.js';
import type { KernelFamily } from '../kernels.js';
import { moduleBytes } from './module-bytes.js';

/**
 * Relaxed SIMD has no flag since V8 12 (Node 22). In V8 11.3 (Node 20) it is behind one, and its baseline compiler
 * makes `i32x4.relaxed_dot_i8x16_i7x16_add_s` lose its accumulator, while the optimising compiler does not: the same
 * kernel is wrong at first and right later, so no self-test clears it.
 *
 * Where the processor has no AVX (Atom, Celeron, many virtual ones), the same holds for
 * `i16x8.relaxed_dot_i8x16_i7x16_s`, in V8 11.3 to 13.6: its first operand is overwritten before it is multiplied.
 *
 * Wide families come first; whether they are right and pay is found out when they are compiled (../compile-kernels.ts).
 * V8 12 (Node 22) has the pass that they need, and leaves these instructions out of it.
 */
export function familiesOfNode(
  v8Version: string = process.versions.v8,
  isDotRight: () => boolean = isDotRightHere,
  canWiden: boolean = canWidenHere(),
): readonly KernelFamily[] {
  const major = Number.parseInt(v8Version, 10);
  if (major < 11) return ['baseline'];
  const relaxed16: KernelFamily[] = isDotRight() ? ['relaxed16'] : [];
  if (major === 11) return [...relaxed16, 'baseline'];
  const wide: KernelFamily[] = major >= 13 && canWiden ? ['wide16', 'wide32'] : [];
  return [...wide, ...relaxed16, 'relaxed32', 'baseline'];
}

/** Whether this V8 was built with what wide families need; others complain of an unknown flag. */
function canWidenHere(): boolean {
  const { variables } = process.config as { readonly variables: Readonly<Record<string, unknown>> };
  return process.arch === 'x64' && variables['v8_enable_wasm_simd256_revec'] === 1;
}

let isRight: boolean | undefined;

function isDotRightHere(): boolean {
  if (isRight === undefined) {
    isRight = withRelaxedSimd(() => computesDot(moduleBytes('dot-probe')));
  }
  return isRight;
}

/**
 * For what compiles modules. A module keeps what was on when it was compiled. Where there is a flag it does not stay
 * on: with other flags than Node was built with, V8 compiles anew what Node loads of itself.
 */
export function withRelaxedSimd<T>(work: () => T): T {
  if (Number.parseInt(process.versions.v8, 10) !== 11) return work();
  setFlagsFromString('--experimental-wasm-relaxed-simd');
  try {
    return work();
  } finally {
    setFlagsFromString('--no-experimental-wasm-relaxed-simd');
  }
}
