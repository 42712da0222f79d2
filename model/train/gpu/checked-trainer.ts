/**
 * A trainer on matrix units that was tried against the plain kernels on a micro-batch of the run itself: products are
 * measured one by one, and what is around them only works as a whole.
 */
import type { GpuDevice } from '../../backends/gpu/device/gpu-device.js';
import type { ModelConfig } from '../../config.js';
import type { Windows } from '../data/token-stream.js';
import type { ProductPlan } from './matrix/plan-products.js';
import { STANDSTILL, Trainer, type StepReport, type TrainerOptions } from './trainer.js';

/** Half floats may change the norm of all gradients by so much, relatively; the way forth is in integers. */
const NORM_TOLERANCE = 0.02;
const LOSS_TOLERANCE = 1e-4;

export interface CheckedTrainer {
  /** As it begins. */
  readonly trainer: Trainer;
  readonly onMatrixUnits: readonly string[];
  /** What both found, where they differ too much, and matrix units are left alone. */
  readonly disagreement?: readonly [plain: StepReport, tiled: StepReport];
}

/** How a trainer begins, and with what it is tried. */
export interface TrainerBeginning {
  /** Gives it its parameters and moments. */
  readonly start: (trainer: Trainer) => void;
  readonly windows: Windows;
}

/** @throws GpuError */
export async function createCheckedTrainer(
  gpu: GpuDevice,
  config: ModelConfig,
  options: Omit<TrainerOptions, 'tileOf'>,
  plan: ProductPlan,
  { start, windows }: TrainerBeginning,
): Promise<CheckedTrainer> {
  const loaded = async (how: Partial<TrainerOptions>): Promise<Trainer> => {
    const trainer = await Trainer.create(gpu, config, { ...options, ...how });
    start(trainer);
    return trainer;
  };
  if (plan.onMatrixUnits.length === 0) return { trainer: await loaded({}), onMatrixUnits: [] };
  const plain = await loaded({});
  const expected = await tried(plain, windows);
  plain.free();
  const trainer = await loaded({ tileOf: plan.tileOf });
  const found = await tried(trainer, windows);
  const isNear = (key: keyof StepReport, tolerance: number): boolean =>
    Math.abs(found[key] / expected[key] - 1) <= tolerance;
  if (isNear('loss', LOSS_TOLERANCE) && isNear('gradientNorm', NORM_TOLERANCE)) {
    // Moments have moved.
    start(trainer);
    return { trainer, onMatrixUnits: plan.onMatrixUnits };
  }
  trainer.free();
  return { trainer: await loaded({}), onMatrixUnits: [], disagreement: [expected, found] };
}

/** Loss and norm of the gradients of one micro-batch. Moves no parameter, but moments. */
async function tried(trainer: Trainer, { ids, targets }: Windows): Promise<StepReport> {
  trainer.begin();
  trainer.microBatch(ids, targets);
  return await trainer.update(STANDSTILL);
}
