/** Speeds of a model that is loaded on a GPU: what `mmfree bench gpu` measures. */
import type { GpuModel } from '../../../model/backends/gpu/gpu-model.js';
import { GpuMachine } from '../../../model/backends/gpu/gpu-machine.js';
import { matrixBytes } from '../../../model/backends/gpu/kernels/transcode.js';
import { samplerSettings } from '../../../model/integer/sampler.js';
import { feedOnly, type Machine, type Sequence } from '../../../model/machine/machine.js';
import { testTokens } from '../../../model/machine/test-tokens.js';
import { placeMatrices } from '../../../protocol/image/tensors.js';
import { median } from './input.js';

const ROUNDS = 5;
const WARM_UP_TOKENS = 20;

/** The sampler that `mmfree run` has when nothing is said. */
export const SAMPLER = { temperature: 0.8, topK: 40, topP: 0.95 } as const;

/** Of machines that are made to be measured. */
const MEASURED = { name: 'measured', sha256: new Uint8Array(32) };

/** One kernel's share of a step. */
export interface KernelTime {
  readonly kernel: string;
  readonly microseconds: number;
}

export interface DecodeSpeed {
  /** Of all sequences together, sampling included; the median of several rounds. */
  readonly tokensPerSecond: number;
  /** Empty if the adapter has no timestamps. */
  readonly kernels: readonly KernelTime[];
  /** Bytes of all buffers while it ran. */
  readonly allocatedBytes: number;
}

/** Generates with `batch` sequences side by side. @throws GpuError; AbortError */
export async function decodeSpeed(
  model: GpuModel,
  batch: number,
  tokens: number,
  signal: AbortSignal,
): Promise<DecodeSpeed> {
  const machine = await GpuMachine.create(model, MEASURED);
  try {
    const sequences = await openSequences(machine, batch);
    await generateTokens(sequences, model, WARM_UP_TOKENS, signal);
    const rates: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const startMs = performance.now();
      const count = await generateTokens(sequences, model, tokens, signal);
      rates.push((1000 * count) / (performance.now() - startMs));
    }
    const { allocatedBytes } = model.gpu;
    const kernels = model.gpu.features.timestamps ? inOrder(await machine.time({ rows: batch })) : [];
    return { tokensPerSecond: median(rates), kernels, allocatedBytes };
  } finally {
    await machine.close();
  }
}

export async function openSequences(machine: Machine, count: number): Promise<readonly Sequence[]> {
  return await Promise.all(Array.from({ length: count }, () => machine.open()));
}

/**
 * Runs all sequences for `tokens` tokens each. One that ends its text begins the next with the others.
 *
 * @param onToken called after each token with the tokens so far
 * @returns tokens of all sequences
 */
export async function generateTokens(
  sequences: readonly Sequence[],
  { shape }: Pick<GpuModel, 'shape'>,
  tokens: number,
  signal: AbortSignal,
  onToken: (count: number) => void = () => {},
): Promise<number> {
  let count = 0;
  for (let text = 0; count < tokens * sequences.length; text++) {
    const maxTokens = Math.ceil(tokens - count / sequences.length);
    const runs = sequences.map(async (sequence, k) => {
      const prompt = [(shape.bosTokenId + k) % shape.vocabSize];
      const sampler = samplerSettings({ ...SAMPLER, seed: BigInt(text * sequences.length + k) });
      for await (const _ of sequence.generate({ prompt, maxTokens, sampler, signal })) onToken(++count);
    });
    await Promise.all(runs);
    signal.throwIfAborted();
  }
  return count;
}

/** Feeds prompts of given lengths. @returns tokens per second of each, the median of several rounds @throws GpuError; AbortError */
export async function prefillSpeeds(
  model: GpuModel,
  lengths: readonly number[],
  signal: AbortSignal,
): Promise<{ readonly tokensPerSecond: readonly number[]; readonly kernels: readonly KernelTime[] }> {
  const machine = await GpuMachine.create(model, MEASURED);
  try {
    const sequence = await machine.open();
    const tokensPerSecond: number[] = [];
    for (const length of lengths) {
      const prompt = testTokens(length, model.shape.vocabSize);
      const rates: number[] = [];
      // The first round compiles and warms up.
      for (let round = 0; round <= ROUNDS; round++) {
        signal.throwIfAborted();
        await sequence.reset();
        await model.gpu.idle();
        const startMs = performance.now();
        await feedOnly(sequence, prompt);
        await model.gpu.idle();
        if (round > 0) rates.push((1000 * length) / (performance.now() - startMs));
      }
      tokensPerSecond.push(median(rates));
    }
    const tokens = testTokens(Math.max(...lengths), model.shape.vocabSize);
    const kernels = model.gpu.features.timestamps ? inOrder(await machine.time({ tokens })) : [];
    return { tokensPerSecond, kernels };
  } finally {
    await machine.close();
  }
}

function inOrder(seconds: ReadonlyMap<string, number>): KernelTime[] {
  const times = [...seconds].map(([kernel, value]) => ({ kernel, microseconds: value * 1e6 }));
  return times.toSorted((a, b) => b.microseconds - a.microseconds);
}

/** Bytes of ternary weights that a token reads, as they lie in GPU memory: 2 bit, rows padded. */
export function weightBytes({ shape }: GpuModel): number {
  const { layers, head } = placeMatrices(shape);
  return [...layers, head].reduce((sum, { rows, columns }) => sum + matrixBytes(rows, columns), 0);
}
