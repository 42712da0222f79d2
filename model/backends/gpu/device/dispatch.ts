/** One kernel with everything bound: what a step is made of. */
import type { GpuDevice } from './gpu-device.js';
import { USAGE } from './gpu-usage.js';

export interface Dispatch {
  /** Name of the kernel. */
  readonly label: string;
  readonly kernel: GPUComputePipeline;
  /** Group 0. Dispatches that share one share its layout as well. */
  readonly bindings: GPUBindGroup;
  /** Group 1, if the kernel has one. */
  readonly sequence?: GPUBindGroup;
  /** As a function of the rows at work. */
  readonly workgroups: (rows: number) => readonly [number, number, number];
}

/**
 * A step has hundreds of dispatches, and encoding them takes as long as the GPU needs: nothing is done here that can be
 * done before, and what is bound is not bound again.
 */
export function encodeDispatches(pass: GPUComputePassEncoder, dispatches: readonly Dispatch[], rows: number): void {
  let bound: GPUBindGroup | undefined;
  let boundSequence: GPUBindGroup | undefined;
  for (let k = 0; k < dispatches.length; k++) {
    const { kernel, bindings, sequence, workgroups } = dispatches[k];
    const counts = workgroups(rows);
    pass.setPipeline(kernel);
    if (bindings !== bound) pass.setBindGroup(0, bindings);
    if (sequence !== undefined && sequence !== boundSequence) pass.setBindGroup(1, sequence);
    bound = bindings;
    boundSequence = sequence ?? boundSequence;
    pass.dispatchWorkgroups(counts[0], counts[1], counts[2]);
  }
}

/** Query sets have at most 4,096 places. */
const TIMED_AT_A_TIME = 2048;

/**
 * Runs the dispatches once, each in a pass of its own, and adds up the time of each kernel on the GPU, in seconds.
 * Passes cost time of their own, so the sum is more than what the dispatches take together.
 *
 * @throws RangeError if the adapter has no timestamps
 */
export async function timeDispatches(
  gpu: GpuDevice,
  dispatches: readonly Dispatch[],
  rows: number,
): Promise<ReadonlyMap<string, number>> {
  if (!gpu.features.timestamps) throw new RangeError('the adapter has no timestamps');
  const seconds = new Map<string, number>();
  for (let first = 0; first < dispatches.length; first += TIMED_AT_A_TIME) {
    const timed = dispatches.slice(first, first + TIMED_AT_A_TIME);
    const querySet = gpu.device.createQuerySet({ type: 'timestamp', count: 2 * timed.length });
    const commands = gpu.device.createCommandEncoder();
    timed.forEach((dispatch, k) => {
      const timestampWrites = { querySet, beginningOfPassWriteIndex: 2 * k, endOfPassWriteIndex: 2 * k + 1 };
      const pass = commands.beginComputePass({ timestampWrites });
      encodeDispatches(pass, [dispatch], rows);
      pass.end();
    });
    gpu.submit(commands);
    const times = await timestampsOf(gpu, querySet);
    timed.forEach(({ label }, k) => {
      const nanoseconds = Number(times[2 * k + 1] - times[2 * k]);
      seconds.set(label, (seconds.get(label) ?? 0) + nanoseconds / 1e9);
    });
  }
  return seconds;
}

/** Nanoseconds in all places of a query set, which is destroyed. @throws GpuError */
async function timestampsOf(gpu: GpuDevice, querySet: GPUQuerySet): Promise<BigUint64Array> {
  const bytes = 8 * querySet.count;
  const resolved = gpu.buffer('timestamps', bytes, USAGE.queryResolve | USAGE.copySource);
  const commands = gpu.device.createCommandEncoder();
  commands.resolveQuerySet(querySet, 0, querySet.count, resolved, 0);
  gpu.submit(commands);
  const times = new BigUint64Array(await gpu.copied(resolved, bytes));
  querySet.destroy();
  gpu.free(resolved);
  return times;
}

/** How often what is measured runs. */
const REPEATS = 4;
/** How long it runs before: a card that was idle has a low clock. */
const WARM_MS = 20;

/** Seconds that the dispatches take together, one behind the other, once they have run. @throws GpuError */
export async function secondsOf(gpu: GpuDevice, dispatches: readonly Dispatch[]): Promise<number> {
  const querySet = gpu.features.timestamps ? gpu.device.createQuerySet({ type: 'timestamp', count: 2 }) : undefined;
  const run = (repeats: number): void => {
    const commands = gpu.device.createCommandEncoder();
    const timestampWrites = querySet && { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 };
    const pass = commands.beginComputePass({ ...(timestampWrites && { timestampWrites }) });
    for (let k = 0; k < repeats; k++) encodeDispatches(pass, dispatches, 0);
    pass.end();
    gpu.submit(commands);
  };
  const warmMs = performance.now();
  do {
    run(1);
    await gpu.idle();
  } while (performance.now() - warmMs < WARM_MS);
  const startMs = performance.now();
  run(REPEATS);
  await gpu.idle();
  const wallSeconds = (performance.now() - startMs) / 1000;
  if (querySet === undefined) return wallSeconds / REPEATS;
  const [start, end] = await timestampsOf(gpu, querySet);
  return Number(end - start) / 1e9 / REPEATS;
}
