/** How fast a GPU copies memory: the bound of everything that reads much and computes little. */
import type { GpuDevice } from './gpu-device.js';

const ROUNDS = 3;
const COPY_BYTES = 256 * 2 ** 20;
const COPIES_MOST = 100;
const ROUND_SECONDS = 0.02;
const COPY_SIZE = 256;
/** Vectors of 16 bytes that an invocation copies. */
const COPY_TURNS = 4;

const COPY = /* wgsl */ `
@group(0) @binding(0) var<storage, read> source: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> destination: array<vec4<u32>>;
@compute @workgroup_size(${COPY_SIZE})
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {
  let first = group.x * ${COPY_SIZE * COPY_TURNS}u + local;
  for (var turn = 0u; turn < ${COPY_TURNS}u; turn++) {
    let at = first + turn * ${COPY_SIZE}u;
    if (at < arrayLength(&source)) { destination[at] = source[at]; }
  }
}
`;

/**
 * Bytes per second of copies from buffer to buffer, each byte read once and written once, by a kernel or by the driver,
 * whichever is faster: the baseline. Copy engines can be slower than the memory is for kernels.
 *
 * @throws GpuError
 */
export async function copySpeed(gpu: GpuDevice): Promise<number> {
  const { maxBufferSize, maxStorageBufferBindingSize } = gpu.limits;
  const bytes = Math.floor(Math.min(COPY_BYTES, maxBufferSize, maxStorageBufferBindingSize) / 16) * 16;
  const [from, to] = await gpu.allocating(() => [gpu.storage('copy', bytes), gpu.storage('copy', bytes)]);
  const kernel = await gpu.kernel('copy', COPY);
  const bindings = gpu.bind(kernel, [from, to]);
  const workgroups = Math.ceil(bytes / 16 / COPY_SIZE / COPY_TURNS);
  const byDriver = (commands: GPUCommandEncoder): void => commands.copyBufferToBuffer(from, 0, to, 0, bytes);
  const byKernel = (commands: GPUCommandEncoder): void => {
    const pass = commands.beginComputePass();
    pass.setPipeline(kernel);
    pass.setBindGroup(0, bindings);
    pass.dispatchWorkgroups(workgroups);
    pass.end();
  };
  /** Bytes per second of so many copies, one after the other. */
  const timed = async (copy: (commands: GPUCommandEncoder) => void, copies: number): Promise<number> => {
    const startMs = performance.now();
    const commands = gpu.device.createCommandEncoder();
    for (let k = 0; k < copies; k++) copy(commands);
    gpu.submit(commands);
    await gpu.idle();
    return (2000 * copies * bytes) / (performance.now() - startMs);
  };
  const rate = async (copy: (commands: GPUCommandEncoder) => void): Promise<number> => {
    // The first says how many fit in a round, so that a slow adapter is not kept for minutes; of the rounds, the best
    // counts.
    const first = await timed(copy, 1);
    const copies = Math.max(1, Math.min(COPIES_MOST, Math.round((ROUND_SECONDS * first) / (2 * bytes))));
    let best = 0;
    for (let round = 0; round < ROUNDS; round++) best = Math.max(best, await timed(copy, copies));
    return best;
  };
  const fastest = Math.max(await rate(byDriver), await rate(byKernel));
  gpu.free(from);
  gpu.free(to);
  return fastest;
}
