/** The loss of an image's windows on a GPU: many windows side by side, each logit as the reference has it, so the losses are the same doubles. */
import { createBatchStep, type Step } from '../backends/gpu/batch-step.js';
import { encodeDispatches, type Dispatch } from '../backends/gpu/device/dispatch.js';
import type { GpuModel } from '../backends/gpu/gpu-model.js';
import { USAGE } from '../backends/gpu/device/gpu-usage.js';
import { CONTROL, CONTROL_WORDS } from '../backends/gpu/kernels/control.js';
import { embedNext } from '../backends/gpu/kernels/embed.js';
import { FEW_ROWS } from '../backends/gpu/row-buffers.js';
import { SequenceBuffers } from '../backends/gpu/sequence-buffers.js';
import type { WindowResult } from './evaluate.js';
import { negativeLogLikelihood } from './score.js';
import type { EvaluationWindow } from './windows.js';

const GROUP_SIZE = 256;
/** Logits are Q12. */
const LOGIT_UNIT = 2 ** -12;

/**
 * The loss of each window, in order.
 *
 * @param onWindow called as windows are done
 * @throws GpuError; the signal's reason
 */
export async function evaluateOnGpu(
  model: GpuModel,
  windows: readonly EvaluationWindow[],
  onWindow: (result: WindowResult) => void,
  signal?: AbortSignal,
): Promise<number[]> {
  const scorer = await WindowScorer.create(model, Math.min(FEW_ROWS, windows.length));
  const losses: number[] = [];
  for (let first = 0; first < windows.length; first += scorer.count) {
    for (const loss of await scorer.score(windows.slice(first, first + scorer.count), signal)) {
      onWindow({ window: losses.length, loss });
      losses.push(loss);
    }
  }
  scorer.close();
  return losses;
}

/** Sequences that are fed given tokens and whose logits come to the host. */
class WindowScorer {
  readonly count: number;
  readonly #model: GpuModel;
  readonly #buffers: SequenceBuffers;
  readonly #step: Step;
  readonly #embed: Dispatch;
  /** In turn: the host looks at one while the GPU fills the other. */
  readonly #readback: readonly GPUBuffer[];

  private constructor(model: GpuModel, buffers: SequenceBuffers, step: Step, embed: GPUComputePipeline) {
    const { gpu, weights } = model;
    const { count, control, logits, x } = buffers;
    this.count = count;
    this.#model = model;
    this.#buffers = buffers;
    this.#step = step;
    const bindings = gpu.bind(embed, [weights.headConstants, control, weights.embedding, x]);
    this.#embed = { label: 'embed next', kernel: embed, bindings, workgroups: () => [count, 1, 1] };
    this.#readback = [0, 1].map(() => gpu.buffer('logits', logits.size, USAGE.mapRead | USAGE.copyTarget));
  }

  static async create(model: GpuModel, count: number): Promise<WindowScorer> {
    const { gpu, shape } = model;
    const buffers = await gpu.allocating(() => new SequenceBuffers(gpu, shape, count, 1));
    const step = await createBatchStep(model, buffers);
    const embed = await gpu.kernel('embed next', embedNext(shape, GROUP_SIZE));
    return await gpu.allocating(() => new WindowScorer(model, buffers, step, embed));
  }

  /** Mean −log p(target) of each window, in nats; all have as many inputs. */
  async score(windows: readonly EvaluationWindow[], signal: AbortSignal | undefined): Promise<number[]> {
    const { gpu, shape } = this.#model;
    const [{ inputs }] = windows;
    const sums = windows.map(() => 0);
    const commands = gpu.device.createCommandEncoder();
    commands.clearBuffer(this.#buffers.state);
    gpu.submit(commands);
    let waiting = this.#feed(windows, 0);
    for (let k = 0; k < inputs.length; k++) {
      signal?.throwIfAborted();
      const next = k + 1 < inputs.length ? this.#feed(windows, k + 1) : undefined;
      const logits = new Int32Array(await waiting);
      windows.forEach(({ targets }, w) => {
        const row = logits.subarray(w * shape.vocabSize, (w + 1) * shape.vocabSize);
        sums[w] += negativeLogLikelihood(row, LOGIT_UNIT, targets[k]);
      });
      if (next !== undefined) waiting = next;
    }
    return sums.map((sum) => sum / inputs.length);
  }

  /** Feeds token `k` of each window. @returns logits of all */
  #feed(windows: readonly EvaluationWindow[], k: number): Promise<ArrayBuffer> {
    const { gpu } = this.#model;
    const { control, logits } = this.#buffers;
    const words = new Uint32Array(this.count * CONTROL_WORDS);
    windows.forEach(({ inputs }, w) => (words[w * CONTROL_WORDS + CONTROL.token] = inputs[k]));
    gpu.device.queue.writeBuffer(control, 0, words);
    const commands = gpu.device.createCommandEncoder();
    const pass = commands.beginComputePass();
    encodeDispatches(pass, [this.#embed], 1);
    this.#step.encode(pass);
    pass.end();
    const readback = this.#readback[k % 2];
    commands.copyBufferToBuffer(logits, 0, readback, 0, logits.size);
    gpu.submit(commands);
    const answer = gpu.read(readback, logits.size);
    // Whoever awaits it gets the error; nobody awaits it after another one.
    answer.catch(() => {});
    return answer;
  }

  close(): void {
    const { gpu } = this.#model;
    this.#step.close();
    this.#buffers.close();
    for (const buffer of this.#readback) gpu.free(buffer);
  }
}
