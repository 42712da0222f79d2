/** `mmfree bench`: the work. Each figure comes with a baseline measured in the same run. */
import type { CommandContext } from '../../command.js';
import type { BenchInput } from './input.js';
import { benchLink } from './link.js';
import { benchPack } from './pack.js';
import { benchReference } from './reference.js';
import { benchStartUp } from './start-up.js';
import { benchState } from './state.js';
import { benchUsb } from './usb.js';

/** Options that some subjects have no use for, and those that have; not what most take, or what has a default. */
const USERS: Readonly<Partial<Record<keyof BenchInput, readonly string[]>>> = {
  folder: ['pack', 'cpu', 'gpu', 'serve'],
  runs: ['cpu', 'serve', 'state', 'start-up'],
  prompt: ['cpu', 'gpu'],
  batch: ['cpu', 'gpu', 'serve'],
  threads: ['cpu'],
  peer: ['cpu'],
  cycles: ['cpu', 'gpu'],
};

export async function bench(input: BenchInput, context: CommandContext): Promise<void> {
  const { subject } = input;
  for (const [name, users] of Object.entries(USERS)) {
    if (input[name as keyof BenchInput] === undefined || users.includes(subject)) continue;
    context.output.note(`warning: bench ${subject} makes no use of --${name}, which is for ${users.join(', ')}`);
  }
  switch (input.subject) {
    case 'pack':
      return benchPack(input, context);
    case 'reference':
      return benchReference(input, context);
    // What the other subjects do not need is not loaded for them.
    case 'cpu': {
      const { benchCpu } = await import('./cpu/cpu.js');
      return await benchCpu(input, context);
    }
    case 'gpu': {
      const { benchGpu } = await import('./gpu/gpu.js');
      return await benchGpu(input, context);
    }
    case 'serve': {
      const { benchServe } = await import('./serve.js');
      return await benchServe(input, context);
    }
    case 'link':
      return benchLink(input, context);
    case 'state':
      return benchState(input, context);
    case 'usb':
      return benchUsb(input, context);
    case 'start-up':
      return benchStartUp(input, context);
    default: {
      const { benchMachine } = await import('./machine.js');
      return await benchMachine(input.subject, input, context);
    }
  }
}
