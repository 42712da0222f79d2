/**
 * Which variants of the kernels run: what an adapter offers, narrowed by what was measured.
 */
import type { ModelShape } from '../../../protocol/image/model-shape.js';
import type { GpuDevice } from './gpu-device.js';
import { rowSize } from './kernels/arithmetic.js';
import type { RowDeal } from './kernels/fused-product.js';

export interface KernelPlan {
  /** Use subgroups (if the adapter has them). */
  readonly subgroups: boolean;
  /** Invocations of a workgroup of the fused kernels: a power of two, 64 … 256. */
  readonly size: number;
  /** Most neighbouring invocations that share a row. */
  readonly lanes: number;
  /** Rows, or groups of rows, that the same lanes work on. */
  readonly units: number;
  /** Products of many rows on matrix units (if the adapter has them). */
  readonly matrices: boolean;
}

export const DEFAULT_PLAN: KernelPlan = { subgroups: true, size: 256, lanes: 32, units: 1, matrices: true };

/** Lanes of a subgroup that this plan uses on this adapter; 0 for none. */
export function subgroupOf(gpu: GpuDevice, plan: KernelPlan): number {
  const { subgroup } = gpu.features;
  return plan.subgroups && subgroup <= plan.size ? subgroup : 0;
}

/** Whether products of many rows run on matrix units. */
export function usesMatrices(gpu: GpuDevice, plan: KernelPlan): boolean {
  return plan.matrices && gpu.features.matrices;
}

/** How a fused kernel deals rows of `columns`: no more lanes than a row has chunks for. */
export function dealFor(gpu: GpuDevice, plan: KernelPlan, columns: number): RowDeal {
  const subgroup = subgroupOf(gpu, plan);
  const { chunks } = rowSize(columns);
  let lanes = 1;
  while (2 * lanes <= Math.min(plan.lanes, chunks, subgroup || plan.lanes)) lanes *= 2;
  return { size: plan.size, subgroup, lanes, units: plan.units };
}

/**
 * Whether the fused kernels fit into the workgroup memory of the adapter: activations for three products, and what reductions need. A model that
 * is too wide runs through the kernels for many rows, one row at a time.
 */
export function fusedKernelsFit(
  gpu: GpuDevice,
  plan: KernelPlan,
  { hiddenSize, intermediateSize }: ModelShape,
): boolean {
  const activations = Math.max(3 * 4 * rowSize(hiddenSize).words, 4 * rowSize(intermediateSize).words);
  const subgroup = subgroupOf(gpu, plan);
  const places = subgroup === 0 ? plan.size : plan.size / subgroup;
  const reductions = places * 4 * (1 + 7) + (subgroup === 0 ? plan.size * 4 * 3 * plan.units : 0);
  return activations + reductions + 256 <= gpu.limits.maxComputeWorkgroupStorageSize;
}
