/** Speeds of a model that is loaded on a GPU: what `mmfree bench gpu` measures. */
import type { GpuModel } from '../../../../model/backends/gpu/gpu-model.js';
import { GpuMachine } from '../../../../model/backends/gpu/gpu-machine.js';
import { matrixBytes } from '../../../../model/backends/gpu/kernels/transcode.js';
import { feedOnly } from '../../../../model/machine/machine.js';
import { testTokens } from '../../../../model/machine/test-tokens.js';
import { placeMatrices } from '../../../../protocol/image/tensors.js';
import { median } from '../input.js';
import { generateTokens, openSequences } from '../sequences.js';

const ROUNDS = 5;
const WARM_UP_TOKENS = 20;

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
    await generateTokens(sequences, model.shape, WARM_UP_TOKENS, signal);
    const rates: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const startMs = performance.now();
      const count = await generateTokens(sequences, model.shape, tokens, signal);
      rates.push((1000 * count) / (performance.now() - startMs));
    }
    const { allocatedBytes } = model.gpu;
    const kernels = model.gpu.features.timestamps ? inOrder(await machine.time({ rows: batch })) : [];
    return { tokensPerSecond: median(rates), kernels, allocatedBytes };
  } finally {
    await machine.close();
  }
}

/**
 * Feeds prompts of given lengths.
 *
 * @returns tokens per second of each, the median of several rounds
 * @throws GpuError; AbortError
 */
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
