/** Speed and memory of a model on the GPU: a synthetic image of a published shape, or any image. */
import { openGpuMachine } from '../../../../engine/kinds/gpu.js';
import { describePlan } from '../../../../engine/gpu/tuned-plan.js';
import { openReference } from '../../../../engine/kinds/reference.js';
import type { GpuMachine } from '../../../../model/backends/gpu/gpu-machine.js';
import { openGpu } from '../../../../model/backends/gpu/device/adapter.js';
import { copySpeed } from '../../../../model/backends/gpu/device/copy-speed.js';
import { samplerSettings } from '../../../../model/integer/sampler.js';
import { USUAL_SAMPLING } from '../../../../protocol/sampling.js';
import { ternaryWeights } from '../../../../protocol/image/tensors.js';
import type { CommandContext } from '../../../command.js';
import type { BenchInput } from '../input.js';
import { expectSameBatch, expectSamePrompt, expectSameTokens } from '../equality.js';
import { cardBytesInUse } from './memory.js';
import { decodeSpeed, prefillSpeeds, weightBytes, type KernelTime } from './speed.js';
import { megabytes } from '../../image-facts.js';
import { engineOptions } from '../../machines/engine-options.js';
import { upTo } from '../sequences.js';
import { benchStability } from '../stability.js';
import { withBenchImage } from '../synthetic-image.js';

const LONGEST_PROMPT = 2048;
const LARGEST_BATCH = 32;

export async function benchGpu(input: BenchInput, context: CommandContext): Promise<void> {
  await withBenchImage(input, context, async (path, name) => await benchImage(path, name, input, context));
}

async function benchImage(path: string, name: string, input: BenchInput, context: CommandContext): Promise<void> {
  if (input.cycles !== undefined) return await benchLasting(path, input.cycles, input.tokens, context);
  const { output, signal } = context;
  const { prompt: longest = LONGEST_PROMPT, batch: largest = LARGEST_BATCH } = input;
  const prompts = upTo(longest, [16, 4, 1]);
  const batches = upTo(largest, [largest, 4, 1]);
  const cardBytesBefore = cardBytesInUse();
  // The first time reads the file, compiles, and measures which kernels are the fastest.
  let equalReceipts = await withMachine(path, context, async (machine) => {
    const { machine: reference, view } = await openReference({ image: path }, { signal });
    const same = await expectSameTokens(machine, reference, view.manifest, signal);
    return same + (await expectSamePrompt(machine, longest));
  });
  const loadSeconds = await secondsToFirstToken(path, context);

  const { machine: opened } = await openGpuMachine({ image: path }, engineOptions(context));
  const { model } = opened;
  const { gpu } = model;
  try {
    const decode = [];
    for (const batch of batches) {
      if (batch > 1) equalReceipts += await expectSameBatch(opened, batch, signal);
      decode.push({ batch, ...(await decodeSpeed(model, batch, Math.ceil(input.tokens / Math.sqrt(batch)), signal)) });
    }
    const prefill = await prefillSpeeds(model, prompts, signal);
    const cardBytes = cardBytesInUse();
    const driverBytes =
      cardBytes === undefined || cardBytesBefore === undefined ? undefined : cardBytes - cardBytesBefore;
    const copy = await copySpeed(gpu);

    const [single = decode[0]] = decode;
    const weightRate = weightBytes(model) * (single?.tokensPerSecond ?? NaN);
    const rate = (value: number): string =>
      value.toLocaleString('en-US', { maximumFractionDigits: value < 100 ? 1 : 0 });
    output.print(
      [
        `${name} on ${gpu.name}: ${ternaryWeights(model.shape).toLocaleString('en-US')} ternary weights a token`,
        `  ${equalReceipts} receipts equal to the reference's; ${describePlan(model.plan, gpu)}`,
        `  load        ${loadSeconds.toFixed(2)} s from a file in the page cache to the first token`,
        ...decode.map(
          ({ batch, tokensPerSecond }) =>
            `  decode      ${rate(tokensPerSecond)} tokens/s in all, ${batch} sequence${batch > 1 ? 's' : ''}, sampling included`,
        ),
        ...prompts.map(
          (length, k) => `  prefill     ${rate(prefill.tokensPerSecond[k] ?? NaN)} tokens/s, prompt of ${length}`,
        ),
        `  weights     ${megabytes(weightBytes(model))} read a token: ${(weightRate / 1e9).toFixed(1)} GB/s at batch 1, ${(100 * (weightRate / copy)).toFixed(1)} % of a copy (${(copy / 1e9).toFixed(1)} GB/s)`,
        `  memory      ${megabytes(single?.allocatedBytes ?? NaN)} of buffers at batch 1${driverBytes === undefined ? '' : `; the card has ${megabytes(driverBytes)} more in use than before`}`,
        ...kernelLines('GPU time of a token at batch 1', single?.kernels ?? []),
        ...kernelLines(`GPU time of a prompt of ${prompts.at(-1)}`, prefill.kernels),
        '',
      ].join('\n'),
    );
    output.result({
      model: name,
      adapter: gpu.name,
      plan: { ...model.plan },
      ternary_weights: ternaryWeights(model.shape),
      equal_receipts: equalReceipts,
      load_seconds: loadSeconds,
      decode: decode.map(({ batch, tokensPerSecond, kernels, allocatedBytes }) => ({
        batch,
        tokens_per_second: tokensPerSecond,
        allocated_bytes: allocatedBytes,
        kernels: kernelFacts(kernels),
      })),
      prefill: prompts.map((tokens, k) => ({ tokens, tokens_per_second: prefill.tokensPerSecond[k] ?? NaN })),
      prefill_kernels: kernelFacts(prefill.kernels),
      weight_bytes: weightBytes(model),
      weight_bytes_per_second: weightRate,
      copy_bytes_per_second: copy,
      card_bytes: driverBytes ?? null,
    });
  } finally {
    await opened.close();
  }
}

/**
 * One device for all cycles, as a server would have it: WebGPU does not give back all that a device took from the host
 * (docs/PERFORMANCE.md).
 */
async function benchLasting(path: string, cycles: number, tokens: number, context: CommandContext): Promise<void> {
  const gpu = await openGpu();
  const lasting = {
    title: `${path} on ${gpu.name}`,
    open: async () => (await openGpuMachine({ image: path }, engineOptions(context), { gpu })).machine,
    memory: () => ({ card: cardBytesInUse(), gpu: gpu.allocatedBytes }),
  };
  try {
    await benchStability(lasting, cycles, tokens, context);
  } finally {
    gpu.destroy();
  }
}

/** From nothing to a token that was sampled. */
async function secondsToFirstToken(path: string, context: CommandContext): Promise<number> {
  const startMs = performance.now();
  return await withMachine(path, context, async (machine) => {
    const sampler = samplerSettings(USUAL_SAMPLING);
    const { signal } = context;
    const sequence = await machine.open();
    for await (const _ of sequence.generate({ prompt: [machine.shape.bosTokenId], maxTokens: 1, sampler, signal }));
    signal.throwIfAborted();
    return (performance.now() - startMs) / 1000;
  });
}

async function withMachine<T>(
  path: string,
  context: CommandContext,
  use: (machine: GpuMachine) => Promise<T>,
): Promise<T> {
  const { machine } = await openGpuMachine({ image: path }, engineOptions(context));
  try {
    return await use(machine);
  } finally {
    await machine.close();
  }
}

function kernelLines(title: string, kernels: readonly KernelTime[]): string[] {
  if (kernels.length === 0) return [];
  const total = kernels.reduce((sum, { microseconds }) => sum + microseconds, 0);
  return [
    `  ${title}, each kernel timed apart: ${total.toFixed(0)} µs`,
    ...kernels.map(
      ({ kernel, microseconds }) =>
        `    ${kernel.padEnd(24)} ${microseconds.toFixed(1).padStart(10)} µs ${((100 * microseconds) / total).toFixed(1).padStart(5)} %`,
    ),
  ];
}

function kernelFacts(kernels: readonly KernelTime[]): Record<string, number> {
  return Object.fromEntries(kernels.map(({ kernel, microseconds }) => [kernel, microseconds]));
}
