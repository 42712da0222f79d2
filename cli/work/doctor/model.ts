/**
 * `mmfree doctor`: whether the shipped model computes right on this computer, by the reference and by the processor's
 * own kernels.
 */
import { availableParallelism } from 'node:os';
import { openCpuMachine } from '../../../engine/kinds/cpu.js';
import { openReference } from '../../../engine/kinds/reference.js';
import { receiptMismatch } from '../../../engine/mismatch-error.js';
import type { OpenedImage } from '../../../engine/opened-machine.js';
import { compareStream, withSequences } from '../../../engine/same-bits.js';
import { SHIPPED_IMAGE } from '../../../engine/shipped.js';
import { CpuError } from '../../../model/backends/cpu/cpu-error.js';
import { FAMILIES, NARROW, type KernelFamily } from '../../../model/backends/cpu/kernels.js';
import { familiesOfNode } from '../../../model/backends/cpu/node/families.js';
import { kernelsOfNode } from '../../../model/backends/cpu/node/node-compiler.js';
import { selfTestStream } from '../../../model/machine/self-test.js';
import { describeProblem } from '../../advice/describe-problem.js';
import type { Finding } from './finding.js';

export async function examineModel(signal: AbortSignal): Promise<readonly Finding[]> {
  const opened = await openReference({ image: SHIPPED_IMAGE }, { signal });
  const rate = await repeatSelfTest(opened, 'this computer', signal);
  const { name } = opened.view.manifest;
  return [{ state: 'ok', text: `${name} is whole and bit-exact here, ${rate.toFixed(0)} tokens/s by the reference` }];
}

/**
 * That the kernels do not run here is only a warning: the reference does. That they compute something else is a fault.
 */
export async function examineCpu(signal: AbortSignal): Promise<readonly Finding[]> {
  try {
    const opened = await openCpuMachine({ image: SHIPPED_IMAGE }, { signal });
    try {
      const rate = await repeatSelfTest(opened, 'cpu', signal);
      const chosen = [...kernelsOfNode().products.keys()];
      return [{ state: 'ok', text: `${rate.toFixed(0)} tokens/s with the same bits; ${kernels(chosen)}` }];
    } finally {
      await opened.machine.close();
    }
  } catch (error) {
    if (!(error instanceof CpuError)) throw error;
    const text = `${error.message}: ${error.reason}`;
    return [{ state: 'warn', text, fix: describeProblem(error).fix, cause: error }];
  }
}

/**
 * Which kernels there are to choose from, and why not all.
 *
 * @param chosen of those that V8 of a version computes right
 */
export function kernels(chosen: readonly KernelFamily[], v8: string = process.versions.v8): string {
  const usable = familiesOfNode(v8);
  const wrong = FAMILIES.filter((family) => NARROW[family] === undefined && !usable.includes(family));
  const isWide = chosen.some((family) => NARROW[family] !== undefined);
  const why = [
    ...(wrong.length > 0 ? [`not ${wrong.join(', ')}: V8 ${Number.parseInt(v8, 10)} computes them wrong`] : []),
    ...(isWide ? [] : [`not ${Object.keys(NARROW).join(', ')}: they want Node 24 on x64, and AVX2`]),
  ];
  return `kernels ${chosen.join(', ')}${why.map((reason) => ` (${reason})`).join('')}, cores: ${availableParallelism()}`;
}

/** @returns tokens per second @throws MismatchError; AbortError */
async function repeatSelfTest({ machine, view }: OpenedImage, name: string, signal: AbortSignal): Promise<number> {
  const startMs = performance.now();
  const stream = selfTestStream(view.manifest);
  const mismatch = await withSequences([machine], async ([subject]) => {
    return await compareStream({ name, subject: subject! }, stream, { signal });
  });
  signal.throwIfAborted();
  if (mismatch !== undefined) throw receiptMismatch(name, mismatch);
  return (1000 * stream.tokens.length) / (performance.now() - startMs);
}
