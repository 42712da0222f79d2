/**
 * Where the ternary matrices of a layer lie in GPU memory: one behind the other, each at an offset that can be bound,
 * so that a layer is bound as one.
 */
import type { ModelShape } from '../../../../protocol/image/model-shape.js';
import type { LAYER_BLOCK, MatrixName } from '../../../../protocol/image/tensors.js';
import { matrixBytes } from '../kernels/transcode.js';
import { alignBinding } from './vector-layout.js';

/** Byte offsets from the start of the layer's matrices, and bytes of all of them. */
export interface LayerMatrixOffsets {
  /** i, f and g, one behind the other. */
  readonly mix: number;
  readonly mixOutput: number;
  /** Gate and up rows in turn. */
  readonly glu: number;
  readonly gluOutput: number;
  readonly bytes: number;
}

export function layerMatrixOffsets({ hiddenSize: h, intermediateSize: i }: ModelShape): LayerMatrixOffsets {
  const mixOutput = alignBinding(matrixBytes(3 * h, h));
  const glu = mixOutput + alignBinding(matrixBytes(h, h));
  const gluOutput = glu + alignBinding(matrixBytes(2 * i, h));
  return { mix: 0, mixOutput, glu, gluOutput, bytes: gluOutput + alignBinding(matrixBytes(h, i)) };
}

/** Where each matrix of the image goes. */
export function offsetsByName(shape: ModelShape): Readonly<Record<MatrixName<typeof LAYER_BLOCK>, number>> {
  const { mix, mixOutput, glu, gluOutput } = layerMatrixOffsets(shape);
  const bytes = matrixBytes(shape.hiddenSize, shape.hiddenSize);
  return { i: mix, f: mix + bytes, g: mix + 2 * bytes, o: mixOutput, gateUp: glu, down: gluOutput };
}
