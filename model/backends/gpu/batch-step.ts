/** A step of several sequences: their tokens are the rows of one pass, from their residuals to their logits. */
import { encodeDispatches, type Dispatch } from './device/dispatch.js';
import type { GpuModel } from './gpu-model.js';
import { FEW_ROWS, manyRows, RowBuffers } from './row-buffers.js';
import { RowPass } from './row-pass.js';
import type { SequenceBuffers } from './sequence-buffers.js';

/** What steps of one sequence and of several have in common. */
export interface Step {
  readonly dispatches: readonly Dispatch[];
  /** Of the first sequences, so many. */
  encode(pass: GPUComputePassEncoder, rows: number): void;
  close(): void;
}

/** @param most rows that it is made for @throws GpuError */
export async function createBatchStep(model: GpuModel, buffers: SequenceBuffers, most: number): Promise<Step> {
  const { gpu, shape } = model;
  const capacity = most <= FEW_ROWS ? FEW_ROWS : manyRows(shape);
  const rows = await gpu.allocating(() => new RowBuffers(gpu, shape, capacity));
  const pass = await RowPass.create(model, buffers, rows, { mode: 'sequences', head: true, taps: false, most });
  let atWork = 0;
  return {
    dispatches: pass.dispatches,
    encode: (compute, count) => {
      // In time: what is written to the queue comes before what is submitted after it.
      if (count !== atWork) gpu.device.queue.writeBuffer(rows.size, 0, new Uint32Array([count, 0, 0, 0]));
      atWork = count;
      encodeDispatches(compute, pass.dispatches, count);
    },
    close: () => {
      pass.close();
      rows.close();
    },
  };
}
