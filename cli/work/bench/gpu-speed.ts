/** Speeds of a model that is loaded on a GPU: what `mmfree bench gpu` measures. */
import type { GpuModel } from '../../../model/backends/gpu/gpu-model.js';
import { GpuSequences } from '../../../model/backends/gpu/gpu-sequences.js';
import { matrixBytes } from '../../../model/backends/gpu/kernels/transcode.js';
import { samplerSettings } from '../../../model/integer/sampler.js';
import { threefry } from '../../../model/integer/threefry.js';
import { placeMatrices } from '../../../protocol/image/tensors.js';
import { median } from './input.js';

const ROUNDS = 5;
const WARM_UP_TOKENS = 20;

/** The sampler that `mmfree run` has when nothing is said. */
export const SAMPLER = { temperature: 0.8, topK: 40, topP: 0.95 } as const;

/** Tokens of any kind, always the same. */
export function someTokens(count: number, vocabSize: number): number[] {
  return Array.from({ length: count }, (_, k) => threefry(1, 0, k, 0) % vocabSize);
}

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
  const sequences = await GpuSequences.create(model, batch);
  try {
    await generateTokens(sequences, model, WARM_UP_TOKENS, signal);
    const rates: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const startMs = performance.now();
      const count = await generateTokens(sequences, model, tokens, signal);
      rates.push((1000 * count) / (performance.now() - startMs));
    }
    const { allocatedBytes } = model.gpu;
    const kernels = model.gpu.features.timestamps ? inOrder(await sequences.time()) : [];
    return { tokensPerSecond: median(rates), kernels, allocatedBytes };
  } finally {
    await sequences.close();
  }
}

/**
 * Runs all sequences for `tokens` tokens each. One that ends its text begins the next with the others.
 *
 * @param onStep called after each step with the tokens so far
 * @returns tokens of all sequences
 */
export async function generateTokens(
  sequences: GpuSequences,
  { shape }: GpuModel,
  tokens: number,
  signal: AbortSignal,
  onStep: (count: number) => void = () => {},
): Promise<number> {
  let count = 0;
  for (let text = 0; count < tokens * sequences.count; text++) {
    const maxTokens = Math.ceil(tokens - count / sequences.count);
    const runs = Array.from({ length: sequences.count }, (_, k) => ({
      prompt: [(shape.bosTokenId + k) % shape.vocabSize],
      maxTokens,
      sampler: samplerSettings({ ...SAMPLER, seed: BigInt(text * sequences.count + k) }),
    }));
    for await (const step of sequences.run(runs, signal)) {
      count += step.length;
      onStep(count);
    }
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
  const sequences = await GpuSequences.create(model, 1);
  try {
    const tokensPerSecond: number[] = [];
    for (const length of lengths) {
      const prompt = someTokens(length, model.shape.vocabSize);
      const rates: number[] = [];
      // The first round compiles and warms up.
      for (let round = 0; round <= ROUNDS; round++) {
        signal.throwIfAborted();
        sequences.reset();
        await model.gpu.idle();
        const startMs = performance.now();
        await sequences.feed(0, prompt);
        await model.gpu.idle();
        if (round > 0) rates.push((1000 * length) / (performance.now() - startMs));
      }
      tokensPerSecond.push(median(rates));
    }
    const longest = someTokens(Math.max(...lengths), model.shape.vocabSize);
    const kernels = model.gpu.features.timestamps ? inOrder(await sequences.time(longest)) : [];
    return { tokensPerSecond, kernels };
  } finally {
    await sequences.close();
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
