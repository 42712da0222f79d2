/** `mmfree verify --gradients`: what training computes, against gradients from PyTorch. */
import { access } from 'node:fs/promises';
import { gradientMismatch } from '../../../engine/mismatch-error.js';
import type { ModelConfig } from '../../../model/config.js';
import { readGolden } from '../../../model/measure/golden.js';
import { compareGradients, readGradients } from '../../../model/train/compare-gradients.js';
import { readParameters, type Tensors } from '../../../model/train/parameters.js';
import type { Batch } from '../../../model/train/reference/gradients.js';
import type { CommandContext } from '../../command.js';
import { badValue } from '../../usage-error.js';
import { openCheckpointAloud } from '../open-checkpoint.js';

interface GradientsInput {
  readonly checkpoint: string;
  readonly golden: string;
  readonly gradients: string;
  readonly tolerance: number | undefined;
  readonly backend: string | undefined;
}

/** Published fused and unfused code differ by up to 3 % of a tensor, because int8 roundings fall differently. */
const TOLERANCE = 0.05;

type Compute = (
  config: ModelConfig,
  parameters: Tensors,
  batch: Batch,
) => Promise<{ readonly loss: number; readonly gradients: ReadonlyMap<string, ArrayLike<number>> }>;

const BACKENDS: Readonly<Record<string, Compute>> = {
  reference: async (config, parameters, batch) => {
    const { lossAndGradients } = await import('../../../model/train/reference/gradients.js');
    const wide = new Map([...parameters].map(([name, values]) => [name, Float64Array.from(values)]));
    return lossAndGradients(config, wide, batch);
  },
  gpu: async (config, parameters, batch) => {
    const { openGpu } = await import('../../../model/backends/gpu/device/adapter.js');
    const { gpuGradients } = await import('../../../model/train/gpu/gradients.js');
    const gpu = await openGpu();
    try {
      return await gpuGradients(gpu, config, parameters, batch);
    } finally {
      gpu.destroy();
    }
  },
};

export async function verifyGradients(input: GradientsInput, context: CommandContext): Promise<void> {
  const { output } = context;
  const { tolerance = TOLERANCE, backend = 'reference' } = input;
  const compute = Object.hasOwn(BACKENDS, backend) ? BACKENDS[backend] : undefined;
  if (compute === undefined) throw badValue('--backend', backend, 'reference or gpu, which compute gradients', 'gpu');
  // Or a mistyped path would be taken for a missing part of a checkpoint.
  await access(input.golden);
  await access(input.gradients);
  const golden = await readGolden(input.golden);
  const checkpoint = await openCheckpointAloud(input.checkpoint, context);
  let parameters: Tensors;
  try {
    parameters = await readParameters(checkpoint);
  } finally {
    await checkpoint.close();
  }
  const expected = await readGradients(input.gradients, parameters);
  const batch = { ids: golden.inputIds, length: golden.length };
  const { loss, gradients } = await compute(checkpoint.config, parameters, batch);
  const comparisons = compareGradients(gradients, expected);
  for (const { tensor, relativeError, cosine } of comparisons) {
    output.print(`${relativeError.toExponential(2)}  cosine ${cosine.toFixed(6)}  ${tensor}\n`);
  }
  // NaN is the worst.
  const worst = comparisons.reduce((a, b) => (a.relativeError >= b.relativeError ? a : b));
  output.result({
    backend,
    loss,
    tokens: golden.inputIds.length,
    tolerance,
    largest_relative_error: worst.relativeError,
    smallest_cosine: Math.min(...comparisons.map(({ cosine }) => cosine)),
    tensors: comparisons.map(({ tensor, relativeError, cosine }) => ({
      tensor,
      relative_error: relativeError,
      cosine,
    })),
  });
  output.print(
    `loss ${loss.toFixed(6)}  largest relative error ${worst.relativeError.toExponential(2)} (${worst.tensor})\n`,
  );
  if (!(worst.relativeError <= tolerance)) throw gradientMismatch(worst.tensor, worst.relativeError, tolerance);
}
