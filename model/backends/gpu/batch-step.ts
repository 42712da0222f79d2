/** A step of several sequences: their tokens are the rows of one pass, from their residuals to their logits. */
import type { Dispatch } from './device/dispatch.js';
import type { GpuModel } from './gpu-model.js';
import { FEW_ROWS, manyRows, RowBuffers } from './row-buffers.js';
import { RowPass } from './row-pass.js';
import type { SequenceBuffers } from './sequence-buffers.js';

/** What steps of one sequence and of several have in common. */
export interface Step {
  readonly dispatches: readonly Dispatch[];
  /** Without the head; absent if `dispatches` are made for rows. */
  readonly layers?: readonly Dispatch[];
  encode(pass: GPUComputePassEncoder): void;
  close(): void;
}

/** @throws GpuError */
export async function createBatchStep(model: GpuModel, buffers: SequenceBuffers): Promise<Step> {
  const { gpu, shape } = model;
  const { count } = buffers;
  const capacity = count <= FEW_ROWS ? FEW_ROWS : manyRows(shape);
  const rows = await gpu.allocating(() => new RowBuffers(gpu, shape, capacity));
  const pass = await RowPass.create(model, buffers, rows, { mode: 'sequences', head: true, taps: false });
  gpu.device.queue.writeBuffer(rows.size, 0, new Uint32Array([count, 0, 0, 0]));
  return {
    dispatches: pass.dispatches,
    encode: (compute) => pass.encode(compute, count),
    close: () => {
      pass.close();
      rows.close();
    },
  };
}
