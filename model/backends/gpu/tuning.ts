/**
 * Which variants of the kernels are the fastest on an adapter, by measuring: no table knows the next GPU.
 *
 * From the default on, one choice after the other is tried and kept if it is faster. Every plan must give the receipts
 * of the plainest one: a plan that computes something else is dropped and reported, however fast it is.
 */
import { feedOnly } from '../../machine/machine.js';
import { testTokens } from '../../machine/test-tokens.js';
import { samplerSettings } from '../../integer/sampler.js';
import type { ModelShape } from '../../../protocol/image/model-shape.js';
import { ternaryWeights } from '../../../protocol/image/tensors.js';
import type { GpuFeatures } from './device/gpu-device.js';
import type { GpuModel } from './gpu-model.js';
import { GpuMachine } from './gpu-machine.js';
import { DEFAULT_PLAN, PLAN_SIZES, PLAN_WORKGROUPS, type KernelPlan } from './kernel-plan.js';

/** What one plan does on one model. */
export interface PlanMeasurement {
  /** Of tokens of a prompt and of tokens that were generated: the same for every plan. */
  readonly receipts: readonly number[];
  /** For one token. */
  readonly decodeSeconds: number;
  /** For one token of a prompt. */
  readonly prefillSeconds: number;
}

export interface TuningResult {
  readonly plan: KernelPlan;
  readonly measurement: PlanMeasurement;
  /** How many plans were measured. */
  readonly measured: number;
  /** Plans that computed something else. */
  readonly dropped: readonly KernelPlan[];
}

/** Ternary weights from which on the choice matters; below, a token is bound by the launches of its kernels. */
const WEIGHTS_WORTH_TUNING = 50_000_000;

/** A choice must be so much faster to be taken: less is noise. */
const WORTH = 0.95;

/** One choice: a key of the plan, its values, and which of the speeds it is for. */
interface Choice {
  readonly key: keyof KernelPlan;
  readonly values: readonly (number | boolean)[];
  readonly speed: 'decodeSeconds' | 'prefillSeconds';
}

function choices(features: Pick<GpuFeatures, 'subgroup' | 'matrices'>): readonly Choice[] {
  const either = [true, false];
  return [
    { key: 'matrices', values: features.matrices ? either : [], speed: 'prefillSeconds' },
    { key: 'subgroups', values: features.subgroup > 0 ? either : [], speed: 'decodeSeconds' },
    { key: 'size', values: PLAN_SIZES, speed: 'decodeSeconds' },
    { key: 'workgroups', values: PLAN_WORKGROUPS, speed: 'decodeSeconds' },
  ];
}

export function isWorthTuning(shape: ModelShape): boolean {
  return ternaryWeights(shape) >= WEIGHTS_WORTH_TUNING;
}

/** The fastest plan that computes what the plainest one does. @throws what `measure` throws */
export async function tunePlan(
  features: Pick<GpuFeatures, 'subgroup' | 'matrices'>,
  measure: (plan: KernelPlan) => Promise<PlanMeasurement>,
): Promise<TuningResult> {
  const plainest = { ...DEFAULT_PLAN, subgroups: false, matrices: false };
  const expected = await measure(plainest);
  const dropped: KernelPlan[] = [];
  let best: { readonly plan: KernelPlan; readonly measurement: PlanMeasurement } = {
    plan: plainest,
    measurement: expected,
  };
  let measured = 1;
  const consider = async (plan: KernelPlan, isBetter: (measurement: PlanMeasurement) => boolean): Promise<void> => {
    const measurement = await measure(plan);
    measured++;
    if (!areEqual(measurement.receipts, expected.receipts)) dropped.push(plan);
    else if (isBetter(measurement)) best = { plan, measurement };
  };
  await consider(DEFAULT_PLAN, () => true);
  for (const { key, values, speed } of choices(features)) {
    // Each value beside the others of the plan that is the best so far.
    const { plan } = best;
    for (const value of values) {
      if (value === plan[key]) continue;
      await consider({ ...plan, [key]: value }, (found) => found[speed] < WORTH * best.measurement[speed]);
    }
  }
  return { ...best, measured, dropped };
}

function areEqual(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, k) => value === b[k]);
}

/** What is measured is no text of anybody's. */
const UNKNOWN_IMAGE = { name: 'measured', sha256: new Uint8Array(32) };
const PROMPT_TOKENS = 256;
const CHECKED_TOKENS = 24;
const PREFILL_ROUNDS = 6;
const DECODED_TOKENS = 96;
const DECODE_ROUNDS = 5;

/** Runs one plan on loaded weights. @param nowMs a clock @throws GpuError */
export async function measurePlan(
  model: GpuModel,
  plan: KernelPlan,
  nowMs: () => number = () => performance.now(),
): Promise<PlanMeasurement> {
  const { gpu, shape } = model;
  const prompt = testTokens(PROMPT_TOKENS, shape.vocabSize, 3);
  const machine = await GpuMachine.create({ ...model, plan }, UNKNOWN_IMAGE);
  const sequence = await machine.open();
  try {
    const receipts: number[] = [];
    for await (const { receipt } of sequence.feed(prompt.slice(0, CHECKED_TOKENS))) receipts.push(receipt);

    // The best of several rounds: the first compiles, and now and then a driver or its host takes ten times as long.
    let prefillMs = Infinity;
    for (let round = 0; round < PREFILL_ROUNDS; round++) {
      const startMs = nowMs();
      await feedOnly(sequence, prompt);
      await gpu.idle();
      prefillMs = Math.min(prefillMs, nowMs() - startMs);
    }

    const sampler = samplerSettings({ temperature: 0, topK: 1, topP: 1, seed: 1n });
    let decodeSeconds = Infinity;
    for (let round = 0; round < DECODE_ROUNDS; round++) {
      const run = { prompt: [prompt[round]], maxTokens: DECODED_TOKENS, sampler };
      let startMs = NaN;
      let decoded = 0;
      for await (const { receipt } of sequence.generate(run)) {
        receipts.push(receipt);
        // The first token waits for the run to begin.
        if (Number.isNaN(startMs)) startMs = nowMs();
        else decoded++;
      }
      // A run can end with its first tokens; then it says nothing.
      if (decoded >= DECODED_TOKENS / 2) decodeSeconds = Math.min(decodeSeconds, (nowMs() - startMs) / 1000 / decoded);
    }
    const prefillSeconds = prefillMs / 1000 / PROMPT_TOKENS;
    return { receipts, decodeSeconds, prefillSeconds };
  } finally {
    await machine.close();
  }
}
