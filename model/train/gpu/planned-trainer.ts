/**
 * A trainer whose products go as they are fastest: as an earlier run found, or as is measured now. A plan that was kept
 * must pass the trial of the whole micro-batch again each time: a file is believed in nothing but speed.
 */
import type { GpuDevice } from '../../backends/gpu/device/gpu-device.js';
import type { ModelConfig } from '../../config.js';
import { createCheckedTrainer, type CheckedTrainer, type TrainerBeginning } from './checked-trainer.js';
import { KeptPlan } from './matrix/kept-plan.js';
import { productsForUnits } from './matrix/measure-products.js';
import { measuredPlan, type ProductPlan } from './matrix/plan-products.js';
import { productKey } from './matrix/products.js';
import { productShapes } from './product-shapes.js';
import { Trainer, type TrainerOptions } from './trainer.js';
import type { BatchShape } from './training-buffers.js';

/** What a trainer is made for, and who is told what was decided. */
export interface PlannedBeginning extends TrainerBeginning {
  /** What goes through matrix units where it can, and nothing else does (default: what is faster so). */
  readonly wanted?: readonly string[];
  readonly onDetail: (text: string) => void;
}

/** How it is done; tests do it otherwise. */
const WAYS = {
  measuredPlan,
  createCheckedTrainer,
  createTrainer: async (...of: Parameters<typeof Trainer.create>): Promise<Trainer> => await Trainer.create(...of),
};

/** @throws GpuError */
export async function createPlannedTrainer(
  gpu: GpuDevice,
  config: ModelConfig,
  options: Omit<TrainerOptions, 'tileOf'>,
  beginning: PlannedBeginning,
  ways: typeof WAYS = WAYS,
): Promise<CheckedTrainer> {
  const { start, wanted, onDetail } = beginning;
  const startMs = performance.now();
  const told = (what: string): void =>
    onDetail(`kernels are ready after ${((performance.now() - startMs) / 1000).toFixed(1)} s: ${what}`);
  const kept = await keptPlanOf(gpu, config, options.batch);
  const known = kept && asWanted(kept.read(), wanted);
  if (known) {
    let agrees = false;
    try {
      const checked = await ways.createCheckedTrainer(gpu, config, options, known, beginning);
      agrees = checked.disagreement === undefined;
      if (agrees) {
        told(`products go as ${kept.path} says`);
        return checked;
      }
      checked.trainer.free();
    } finally {
      // Neither what computes something else nor what brings the driver down is tried a second time.
      if (!agrees) await kept.forget();
    }
    onDetail(`${kept.path} was wrong here, and is gone`);
  }
  const plan = await ways.measuredPlan(gpu, config, options.batch, wanted);
  if (wanted) {
    const trainer = await ways.createTrainer(gpu, config, { ...options, tileOf: plan.tileOf });
    start(trainer);
    told('products were measured that go through matrix units');
    return { trainer, onMatrixUnits: plan.onMatrixUnits };
  }
  const checked = await ways.createCheckedTrainer(gpu, config, options, plan, beginning);
  if (!kept) told('there are no matrix units to be measured');
  else if (checked.disagreement === undefined) told(`products were measured; ${await keep(kept, plan)}`);
  return checked;
}

/** Undefined: nothing here is worth a measurement. */
export async function keptPlanOf(
  gpu: GpuDevice,
  config: ModelConfig,
  batch: BatchShape,
): Promise<KeptPlan | undefined> {
  const products = await productsForUnits(gpu, productShapes(config, batch));
  return products.length > 0 ? new KeptPlan(gpu, products) : undefined;
}

/** The plan for what is wanted; undefined if it does not know how that goes through matrix units. */
function asWanted(plan: ProductPlan | undefined, wanted: readonly string[] | undefined): ProductPlan | undefined {
  if (plan === undefined || wanted === undefined) return plan;
  if (wanted.length === 0 || !wanted.every((key) => plan.onMatrixUnits.includes(key))) return undefined;
  return {
    tileOf: (product) => (wanted.includes(productKey(product)) ? plan.tileOf(product) : undefined),
    onMatrixUnits: wanted,
  };
}

/** A home that cannot be written to costs time only. */
async function keep(kept: KeptPlan, plan: ProductPlan): Promise<string> {
  try {
    await kept.write(plan);
    return `kept in ${kept.path}`;
  } catch (error) {
    return `cannot be kept: ${error instanceof Error ? error.message : String(error)}`;
  }
}
