/**
 * States on their way between places in GPU memory and the host: L pieces each, a layer's of all sequences side by
 * side.
 */
import type { ModelShape } from '../../../protocol/image/model-shape.js';
import { stateWidth } from './kernels/scan.js';

/** Where a state lies: among `count` of them, the one in place `slot`. */
export interface StatePlace {
  readonly buffer: GPUBuffer;
  readonly count: number;
  readonly slot: number;
}

/** Bytes of one state. */
export function stateBytes(shape: ModelShape): number {
  return 4 * shape.layers * stateWidth(shape);
}

export function copyState(commands: GPUCommandEncoder, shape: ModelShape, from: StatePlace, to: StatePlace): void {
  const width = 4 * stateWidth(shape);
  if (from.count === 1 && to.count === 1) {
    commands.copyBufferToBuffer(from.buffer, 0, to.buffer, 0, stateBytes(shape));
    return;
  }
  for (let layer = 0; layer < shape.layers; layer++) {
    const source = (layer * from.count + from.slot) * width;
    const target = (layer * to.count + to.slot) * width;
    commands.copyBufferToBuffer(from.buffer, source, to.buffer, target, width);
  }
}

/** Makes states in some of `count` slots zero. */
export function clearStates(
  commands: GPUCommandEncoder,
  shape: ModelShape,
  buffer: GPUBuffer,
  count: number,
  slots: Iterable<number>,
): void {
  const width = 4 * stateWidth(shape);
  for (const group of neighbours(slots)) {
    for (let layer = 0; layer < shape.layers; layer++) {
      commands.clearBuffer(buffer, (layer * count + group[0]) * width, group.length * width);
    }
  }
}

/** Slots that lie side by side, ascending. */
export function neighbours(slots: Iterable<number>): number[][] {
  const groups: number[][] = [];
  for (const slot of [...slots].toSorted((a, b) => a - b)) {
    const last = groups.at(-1);
    if (last?.at(-1) === slot - 1) last.push(slot);
    else groups.push([slot]);
  }
  return groups;
}

/** [L][H] → [L][width], the ends of the rows 0. */
export function paddedState(shape: ModelShape, words: Int32Array): Int32Array<ArrayBuffer> {
  const { layers, hiddenSize } = shape;
  const width = stateWidth(shape);
  const padded = new Int32Array(layers * width);
  for (let layer = 0; layer < layers; layer++) {
    padded.set(words.subarray(layer * hiddenSize, (layer + 1) * hiddenSize), layer * width);
  }
  return padded;
}

/** The inverse of {@link paddedState}. */
export function wordsOfState(shape: ModelShape, padded: Int32Array): Int32Array {
  const { layers, hiddenSize } = shape;
  const width = stateWidth(shape);
  const words = new Int32Array(layers * hiddenSize);
  for (let layer = 0; layer < layers; layer++) {
    words.set(padded.subarray(layer * width, layer * width + hiddenSize), layer * hiddenSize);
  }
  return words;
}
