import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { openCheckpoint, type Checkpoint } from '../../../../model/checkpoint/checkpoint.js';
import { readGolden, type Golden } from '../../../../model/measure/golden.js';
import { compareGradients, readGradients } from '../../../../model/train/compare-gradients.js';
import { readParameters, type Tensors } from '../../../../model/train/parameters.js';
import { BETAS } from '../../../../model/train/run/recipe.js';
import { lossAndGradients, type Parameters } from '../../../../model/train/reference/gradients.js';
import { count, figure } from '../../../helpers/counts.js';
import { TwinAdamW } from '../../../oracle/training/adamw.js';
import { twinGradients } from '../../../oracle/training/twin.js';

const fixture = (name: string): string => fileURLToPath(new URL(`../../../fixtures/golden-a/${name}`, import.meta.url));
const GRADIENTS = fixture('gradients-unfused.safetensors');

let checkpoint: Checkpoint;
let parameters: Tensors;
let golden: Golden;

beforeAll(async () => {
  checkpoint = await openCheckpoint(fixture(''));
  parameters = await readParameters(checkpoint);
  await checkpoint.close();
  golden = await readGolden(fixture('golden.safetensors'));
});

const reference = (ids: readonly number[], length: number): ReturnType<typeof lossAndGradients> => {
  const wide: Parameters = new Map([...parameters].map(([name, values]) => [name, Float64Array.from(values)]));
  return lossAndGradients(checkpoint.config, wide, { ids, length });
};

const worst = (comparisons: ReturnType<typeof compareGradients>): { error: number; cosine: number } => ({
  error: Math.max(...comparisons.map(({ relativeError }) => relativeError)),
  cosine: Math.min(...comparisons.map(({ cosine }) => cosine)),
});

describe('gradients in double precision', () => {
  it('are those of the twin, which is differentiated automatically', () => {
    const ids = golden.inputIds.slice(0, 24);
    const { loss, gradients } = reference(ids, 8);
    const twin = twinGradients(checkpoint.config, parameters, ids, 8);
    expect(loss).toBeCloseTo(twin.loss, 12);
    expect(worst(compareGradients(gradients, twin.gradients)).error).toBeLessThan(1e-12);
  });

  it('have the length and the direction of those of the published code', async () => {
    const { loss, gradients } = reference(golden.inputIds, golden.length);
    const published = await readGradients(GRADIENTS, parameters);
    const { error, cosine } = worst(compareGradients(gradients, published));
    expect(loss).toBeCloseTo(6.3807, 2);
    expect(error).toBeLessThan(0.05);
    expect(cosine).toBeGreaterThan(0.999);
  });

  it('and AdamW follow the steps of the published code: losses and norms', async () => {
    const published = JSON.parse(await readFile(fixture('steps-unfused.json'), 'utf8')) as {
      readonly [name in 'losses' | 'grad_norms']: readonly number[];
    } & { readonly [name in 'lr' | 'eps' | 'weight_decay' | 'clip']: number };
    const { lr: rate, eps: epsilon, weight_decay: decay, clip } = published;
    const wide: Parameters = new Map([...parameters].map(([name, values]) => [name, Float64Array.from(values)]));
    const optimiser = new TwinAdamW();
    const steps = count(2, 30);
    let [furthestLoss, furthestNorm] = [0, 0];
    for (let step = 0; step < steps; step++) {
      const { loss, gradients } = lossAndGradients(checkpoint.config, wide, {
        ids: golden.inputIds,
        length: golden.length,
      });
      const norm = optimiser.update(wide, gradients, { rate, betas: BETAS, epsilon, decay, clip });
      furthestLoss = Math.max(furthestLoss, Math.abs(loss / published.losses[step]! - 1));
      furthestNorm = Math.max(furthestNorm, Math.abs(norm / published.grad_norms[step]! - 1));
    }
    // Roundings to int8 fall differently in float32, and further apart with each step.
    expect(furthestLoss).toBeLessThan(count(0.001, 0.005));
    expect(furthestNorm).toBeLessThan(count(0.003, 0.02));
    figure(
      `training: losses of ${steps} steps of AdamW in double precision, and those of the published code, relatively apart by at most`,
      furthestLoss.toExponential(1),
    );
  });

  it('of the twin are closer to the published unfused code with the ε of that', async () => {
    const options = { bitLinearEps: 1e-8 };
    const twin = twinGradients(checkpoint.config, parameters, golden.inputIds, golden.length, options);
    const published = await readGradients(GRADIENTS, parameters);
    const { error, cosine } = worst(compareGradients(twin.gradients, published));
    expect(twin.loss).toBeCloseTo(6.380716, 3);
    expect(error).toBeLessThan(0.006);
    expect(cosine).toBeGreaterThan(0.9999);
  });

  it('of the embedding are zero for tokens that do not occur', () => {
    const ids = golden.inputIds.slice(0, 8);
    const rows = reference(ids, 8).gradients.get('model.embeddings.weight')!;
    const isZero = (id: number): boolean => rows.subarray(id * 128, (id + 1) * 128).every((value) => value === 0);
    // The last one is only a target.
    const used = new Set(ids.slice(0, -1));
    expect(Array.from({ length: 512 }, (_, id) => id).filter((id) => isZero(id) === used.has(id))).toEqual([]);
  });
});

describe('the smooth parts', () => {
  it('have gradients that finite differences confirm', async () => {
    const { scanRows, scanRowsBack } = await import('../../../../model/train/reference/mlgru.js');
    const { normRows, normRowsBack } = await import('../../../../model/train/reference/norm.js');
    const { lowerBounds, lowerBoundsBack } = await import('../../../../model/train/reference/lower-bounds.js');
    let state = 12345;
    const draw = (): number => ((state = (state * 1103515245 + 12345) % 2147483648) / 2147483648) * 2 - 1;
    const random = (n: number): Float64Array => Float64Array.from({ length: n }, draw);
    const [i, f, bound, weights] = [random(24), random(24), random(4).map(Math.abs), random(24)];
    const value = (a: Float64Array): number => a.reduce((sum, x, at) => sum + x * weights[at]!, 0);
    const slopes = (at: Float64Array, of: () => number): Float64Array =>
      at.map((_, k) => {
        const kept = at[k]!;
        at[k] = kept + 1e-5;
        const above = of();
        at[k] = kept - 1e-5;
        const below = of();
        at[k] = kept;
        return (above - below) / 2e-5;
      });
    const close = (a: Float64Array, b: Float64Array): void =>
      a.forEach((x, k) => expect(Math.abs(x - b[k]!)).toBeLessThan(1e-8));

    const input = { i, f, bound, length: 3 };
    const dBound = new Float64Array(4);
    const { di, df } = scanRowsBack(input, scanRows(input), weights, dBound);
    const scanned = (): number => value(scanRows(input));
    close(di, slopes(i, scanned));
    close(df, slopes(f, scanned));
    close(dBound, slopes(bound, scanned));

    const gain = random(6);
    const [dv, dw] = [new Float64Array(24), new Float64Array(6)];
    normRowsBack({ v: i, weight: gain, inverse: normRows(i, gain, 1e-3).inverse }, weights, dv, dw);
    const normed = (): number => value(normRows(i, gain, 1e-3).values);
    close(dv, slopes(i, normed));
    close(dw, slopes(gain, normed));

    close(
      lowerBoundsBack(f, 4, weights),
      slopes(f, () => value(lowerBounds(f, 4))),
    );
  });
});
