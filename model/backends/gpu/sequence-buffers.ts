/** What a number of sequences own in GPU memory: their states, what steers their runs, and what they report. */
import type { ModelShape } from '../../../protocol/image/model-shape.js';
import type { BufferPart, GpuDevice } from './device/gpu-device.js';
import { rowSize } from './kernels/arithmetic.js';
import { CONTROL_WORDS, RESULT_WORDS } from './kernels/control.js';
import { stateWidth } from './kernels/scan.js';
import { bestPlaces } from './kernels/survey-logits.js';

export class SequenceBuffers {
  readonly count: number;
  /** Results of one sequence that fit until the host takes them away. */
  readonly slots: number;
  /** [L][count][width], Q23. */
  readonly state: GPUBuffer;
  /** [count][width], Q12: the residual of the token at work. */
  readonly x: GPUBuffer;
  /** [count][V], Q12. */
  readonly logits: GPUBuffer;
  /** [count]: CRC-32 of the logits so far, without the constant share. */
  readonly receipts: GPUBuffer;
  /** [count][CONTROL_WORDS]. */
  readonly control: GPUBuffer;
  /** [count][slots][RESULT_WORDS]. */
  readonly results: GPUBuffer;
  /** [count][bestPlaces]: a logit and its id each. */
  readonly bests: GPUBuffer;
  readonly #layerBytes: number;
  readonly #gpu: GpuDevice;

  constructor(gpu: GpuDevice, shape: ModelShape, count: number, slots: number) {
    const { vocabSize, hiddenSize, layers } = shape;
    const width = 4 * stateWidth(shape);
    this.#gpu = gpu;
    this.#layerBytes = count * width;
    this.count = count;
    this.slots = slots;
    this.state = gpu.storage('state', layers * this.#layerBytes);
    this.x = gpu.storage('residual', count * 16 * rowSize(hiddenSize).words);
    this.logits = gpu.storage('logits', count * 4 * vocabSize);
    this.receipts = gpu.storage('receipts', 4 * count);
    this.control = gpu.storage('control', 4 * count * CONTROL_WORDS);
    this.results = gpu.storage('results', 4 * count * slots * RESULT_WORDS);
    this.bests = gpu.storage('bests', count * 8 * bestPlaces(shape));
  }

  /** The states of a layer, to be bound. */
  stateOf(layer: number): BufferPart {
    return { buffer: this.state, offset: layer * this.#layerBytes, size: this.#layerBytes };
  }

  close(): void {
    const { state, x, logits, receipts, control, results, bests } = this;
    for (const buffer of [state, x, logits, receipts, control, results, bests]) this.#gpu.free(buffer);
  }
}
