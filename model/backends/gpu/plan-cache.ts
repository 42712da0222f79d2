/**
 * Plans that were found the fastest: what was measured once for an adapter, its driver and a shape is not measured
 * again.
 */
import type { ModelShape } from '../../../protocol/image/model-shape.js';
import { KeptMeasurement } from '../../kept-measurement.js';
import { DEFAULT_PLAN, PLAN_SIZES, PLAN_WORKGROUPS, type KernelPlan } from './kernel-plan.js';

/** What a plan is good for. */
export interface PlanKey {
  /** Everything that an adapter says of itself, the driver's version included. */
  readonly adapter: string;
  readonly shape: ModelShape;
  /** Of this program: kernels change. */
  readonly version: string;
}

/** The adapter of a device, in words that change with its driver. */
export function adapterIdentity(device: GPUDevice): string {
  const { vendor, architecture, device: model, description } = device.adapterInfo;
  return [vendor, architecture, model, description].join(' | ');
}

export class PlanCache extends KeptMeasurement<KernelPlan> {
  /** @param env of the process */
  constructor({ adapter, shape, version }: PlanKey, env?: Readonly<Record<string, string | undefined>>) {
    const { vocabSize, hiddenSize, intermediateSize, layers } = shape;
    super('gpu-plan', [version, adapter, vocabSize, hiddenSize, intermediateSize, layers], parsePlan, env);
  }
}

function parsePlan({
  subgroups,
  size,
  workgroups,
  matrices,
}: Readonly<Record<string, unknown>>): KernelPlan | undefined {
  if (typeof subgroups !== 'boolean' || typeof matrices !== 'boolean') return undefined;
  // Only what the kernels are right for, whatever a file says.
  if (!isOneOf(size, PLAN_SIZES) || !isOneOf(workgroups, PLAN_WORKGROUPS)) return undefined;
  return { ...DEFAULT_PLAN, subgroups, size, workgroups, matrices };
}

function isOneOf(value: unknown, allowed: readonly number[]): value is number {
  return typeof value === 'number' && allowed.includes(value);
}
