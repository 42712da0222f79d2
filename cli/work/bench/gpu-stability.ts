/** Whether a GPU path lasts: many loads and unloads, then many tokens, with an eye on the memory. */
import { setImmediate } from 'node:timers/promises';
import { openGpuMachine } from '../../../engine/kinds/gpu.js';
import { openGpu } from '../../../model/backends/gpu/device/adapter.js';
import type { GpuDevice } from '../../../model/backends/gpu/device/gpu-device.js';
import type { CommandContext } from '../../command.js';
import { cardBytesInUse } from './gpu-memory.js';
import { generateTokens } from './sequences.js';
import { megabytes } from '../image-facts.js';
import { engineOptions } from '../machines/engine-options.js';

/** Cycles until everything that is made once is there, at most. */
const WARM_UP_CYCLES = 3;
const TOKENS_OF_A_CYCLE = 20;

/** Memory at one moment, in bytes. */
interface Memory {
  readonly resident: number;
  /** Of the card, by all programs. */
  readonly card: number | undefined;
}

/** @throws GpuError; ImageError; AbortError */
export async function benchGpuStability(
  path: string,
  cycles: number,
  tokens: number,
  context: CommandContext,
): Promise<void> {
  const { output, signal } = context;
  // One device for all, as a server would have it: WebGPU does not give back all that a device took from the host (docs/PERFORMANCE.md).
  const gpu = await openGpu();
  try {
    const loading = output.progress({ label: 'load and unload', unit: 'cycles', total: cycles });
    const warmUp = Math.min(WARM_UP_CYCLES, cycles);
    let first: Memory | undefined;
    for (let cycle = 0; cycle < cycles + warmUp; cycle++) {
      await loadAndUnload(gpu, path, context);
      if (cycle === warmUp - 1) first = await memory();
      loading.update(Math.max(0, cycle + 1 - warmUp));
    }
    loading.end();
    const afterCycles = grown(first, await memory());

    const { machine } = await openGpuMachine({ image: path }, engineOptions(context), { gpu });
    const { model } = machine;
    const generating = output.progress({ label: 'generate', unit: 'tokens', total: tokens });
    const sequences = [await machine.open()];
    await generateTokens(sequences, model.shape, TOKENS_OF_A_CYCLE, signal);
    const before = await memory();
    const gpuBytesBefore = model.gpu.allocatedBytes;
    const startMs = performance.now();
    await generateTokens(sequences, model.shape, tokens, signal, (count) => generating.update(count));
    const tokensPerSecond = (1000 * tokens) / (performance.now() - startMs);
    const afterTokens = grown(before, await memory());
    const gpuBytesGrown = model.gpu.allocatedBytes - gpuBytesBefore;
    generating.end();
    await machine.close();

    const growth = ({ resident, card }: Memory): string =>
      `host ${megabytes(resident)}${card === undefined ? '' : `, card ${megabytes(card)}`}`;
    output.print(
      [
        `${path} on ${gpu.name}`,
        `  ${cycles} times loaded and unloaded: memory grown by ${growth(afterCycles)}`,
        `  ${tokens} tokens at ${tokensPerSecond.toFixed(0)} tokens/s: memory grown by ${growth(afterTokens)}, buffers ${megabytes(gpuBytesGrown)}`,
        '',
      ].join('\n'),
    );
    output.result({
      cycles,
      cycles_host_bytes_grown: afterCycles.resident,
      cycles_card_bytes_grown: afterCycles.card ?? null,
      tokens,
      tokens_per_second: tokensPerSecond,
      tokens_host_bytes_grown: afterTokens.resident,
      tokens_card_bytes_grown: afterTokens.card ?? null,
      tokens_gpu_bytes_grown: gpuBytesGrown,
    });
  } finally {
    gpu.destroy();
  }
}

async function loadAndUnload(gpu: GpuDevice, path: string, context: CommandContext): Promise<void> {
  const { machine } = await openGpuMachine({ image: path }, engineOptions(context), { gpu });
  await generateTokens([await machine.open()], machine.facts.shape, TOKENS_OF_A_CYCLE, context.signal);
  await machine.close();
}

async function memory(): Promise<Memory> {
  // What is free is given back first, where Node was started with --expose-gc.
  await setImmediate();
  globalThis.gc?.();
  return { resident: process.memoryUsage().rss, card: cardBytesInUse() };
}

function grown(before: Memory | undefined, { resident, card }: Memory): Memory {
  return {
    resident: resident - (before?.resident ?? NaN),
    card: card === undefined || before?.card === undefined ? undefined : card - before.card,
  };
}
