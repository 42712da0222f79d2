/**
 * The machine `cpu` with a number of threads that stays what it is, so that a figure is that of as many as it names.
 */
import { openCpuMachine } from '../../../../engine/kinds/cpu.js';
import type { CpuMachine } from '../../../../model/backends/cpu/cpu-machine.js';
import type { CpuSetting } from '../../../../model/backends/cpu/cpu-messages.js';
import type { KernelFamily } from '../../../../model/backends/cpu/kernels.js';
import { kernelsOfNode } from '../../../../model/backends/cpu/node/node-compiler.js';
import { decodeRate } from '../speed.js';

/** Tokens that tell kernels apart: the slowest take half as long again as the next. */
const TOKENS = 24;

/** @throws CpuError; ImageError; AbortError */
export async function openExact(image: string, setting: CpuSetting, signal: AbortSignal): Promise<CpuMachine> {
  const { threads } = setting;
  const { machine } = await openCpuMachine({ image, threads }, { signal }, { setting, isFixed: true });
  return machine;
}

/**
 * The kernels that are fastest with one thread, measured on the image; the number of threads does not change which.
 *
 * @throws as `openExact`
 */
export async function fastestFamily(image: string, signal: AbortSignal): Promise<KernelFamily> {
  const [first, ...others] = kernelsOfNode().products.keys();
  const rateOf = async (family: KernelFamily): Promise<number> => {
    const machine = await openExact(image, { family, threads: 1 }, signal);
    try {
      return (await decodeRate(machine, 1, TOKENS, signal)).perSecond;
    } finally {
      await machine.close();
    }
  };
  let best = { family: first!, rate: others.length > 0 ? await rateOf(first!) : 0 };
  for (const family of others) {
    const rate = await rateOf(family);
    if (rate > best.rate) best = { family, rate };
  }
  return best.family;
}
