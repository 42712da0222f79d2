/**
 * Which variants of the kernels run: what an adapter offers, narrowed by what was measured.
 */
import type { ModelShape } from '../../../protocol/image/model-shape.js';
import type { GpuDevice } from './device/gpu-device.js';
import { rowSize } from './kernels/arithmetic.js';
import type { RowDeal } from './kernels/products/fused-product.js';

export interface KernelPlan {
  /** Use subgroups (if the adapter has them). */
  readonly subgroups: boolean;
  /**
   * Invocations of a workgroup of the fused kernels: a multiple of the subgroup, or a power of two where those are not
   * used.
   */
  readonly size: number;
  /**
   * Workgroups that a fused kernel is shared out to if it has so much work: more keep more of the GPU busy, but each
   * quantises for itself.
   */
  readonly workgroups: number;
  /** Products of many rows on matrix units (if the adapter has them). */
  readonly matrices: boolean;
}

/**
 * Values that are worth trying. Workgroups of 320 and 512 let rows of 2,560 and 2,048 be quantised in fewer turns,
 * where the adapter allows them; they need subgroups of 64 lanes at most.
 */
export const PLAN_SIZES = [128, 256, 320, 512] as const;
export const PLAN_WORKGROUPS = [128, 256, 512] as const;

export const DEFAULT_PLAN: KernelPlan = { subgroups: true, size: 256, workgroups: 256, matrices: true };

/** Lanes of a subgroup that this plan uses on this adapter; 0 for none. */
export function subgroupOf(gpu: GpuDevice, plan: KernelPlan): number {
  const { subgroup } = gpu.features;
  return plan.subgroups && subgroup > 0 && plan.size % subgroup === 0 ? subgroup : 0;
}

/** Neighbouring invocations that share a row at most. */
const LANES_MOST = 32;
/** Groups of rows that the same lanes work on at most: their sums stay in registers. */
const UNITS_MOST = 4;

/**
 * How a fused kernel deals `units` groups of rows of `columns`.
 *
 * Lanes: as many as keep at least 90 % of them busy, or else the number that keeps most busy; more where that gives too
 * few workgroups.
 */
export function dealFor(gpu: GpuDevice, plan: KernelPlan, columns: number, units: number): RowDeal {
  const subgroup = subgroupOf(gpu, plan);
  const { chunks } = rowSize(columns);
  const most = Math.min(LANES_MOST, subgroup || LANES_MOST);
  const busy = (lanes: number): number => chunks / (lanes * Math.ceil(chunks / lanes));
  const workgroups = (lanes: number): number => (units * lanes) / plan.size;
  let lanes = 1;
  for (let more = 2; more <= most; more *= 2) if (busy(more) >= Math.min(0.9, busy(lanes))) lanes = more;
  while (2 * lanes <= Math.min(most, chunks) && 2 * workgroups(lanes) < plan.workgroups) lanes *= 2;
  const wanted = Math.ceil(workgroups(lanes) / plan.workgroups);
  return { size: plan.size, subgroup, lanes, units: Math.max(1, Math.min(UNITS_MOST, lanes, wanted)) };
}

/**
 * Whether the fused kernels fit into the workgroup memory of the adapter: activations for three products, and what
 * reductions need. A model that is too wide runs through the kernels for many rows, one row at a time.
 */
export function fusedKernelsFit(
  gpu: GpuDevice,
  plan: KernelPlan,
  { hiddenSize, intermediateSize }: ModelShape,
): boolean {
  const { size } = plan;
  const { maxComputeInvocationsPerWorkgroup, maxComputeWorkgroupSizeX } = gpu.limits;
  const isRegular = subgroupOf(gpu, plan) > 0 || Number.isInteger(Math.log2(size));
  if (!isRegular || size > maxComputeInvocationsPerWorkgroup || size > maxComputeWorkgroupSizeX) return false;
  const activations = Math.max(3 * 4 * rowSize(hiddenSize).words, 4 * rowSize(intermediateSize).words);
  const subgroup = subgroupOf(gpu, plan);
  const places = subgroup === 0 ? plan.size : plan.size / subgroup;
  const reductions = places * 4 * (1 + 7) + (subgroup === 0 ? plan.size * 4 * 3 * UNITS_MOST : 0);
  return activations + reductions + 256 <= gpu.limits.maxComputeWorkgroupStorageSize;
}
