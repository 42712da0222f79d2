/**
 * Where the vectors of a model lie in GPU memory: as in the image (docs/IMAGE.md, section 4, `vectors`), but each padded with zeros to whole
 * words of 64 columns, so that kernels need no bounds, and each block aligned so that it can be bound by itself.
 */
import { CONSTANTS, type ModelShape } from '../../../protocol/image/model-shape.js';
import { rowSize } from './kernels/arithmetic.js';

/** Offsets in words of two int16 from the start of a block. */
export interface LayerVectors {
  readonly attnNorm: number;
  readonly iGain: number;
  readonly fGain: number;
  readonly gGain: number;
  readonly forgetScale: number;
  readonly gNorm: number;
  readonly oGain: number;
  readonly mlpNorm: number;
  readonly gateGain: number;
  readonly downGain: number;
}

export interface VectorLayout {
  readonly layer: LayerVectors;
  readonly head: { readonly finalNorm: number; readonly headGain: number };
  /** Bytes of one block, a multiple of 256: the head's comes first, then those of the layers. */
  readonly blockBytes: number;
}

/** Bytes that a binding's offset must be a multiple of, on every adapter. */
export const BINDING_ALIGNMENT = 256;

export function alignBinding(bytes: number): number {
  return Math.ceil(bytes / BINDING_ALIGNMENT) * BINDING_ALIGNMENT;
}

export function vectorLayout({ hiddenSize, intermediateSize }: ModelShape): VectorLayout {
  const narrow = 2 * rowSize(hiddenSize).words;
  const wide = 2 * rowSize(intermediateSize).words;
  return {
    layer: {
      attnNorm: 0,
      iGain: narrow,
      fGain: 2 * narrow,
      gGain: 3 * narrow,
      forgetScale: 4 * narrow,
      gNorm: 5 * narrow,
      oGain: 6 * narrow,
      mlpNorm: 7 * narrow,
      gateGain: 8 * narrow,
      downGain: 9 * narrow,
    },
    head: { finalNorm: 0, headGain: narrow },
    blockBytes: alignBinding(4 * (9 * narrow + wide)),
  };
}

/** All blocks, and the constants of each as 16 int32 at a distance of 256 bytes. */
export function layOutVectors(
  shape: ModelShape,
  section: Uint8Array,
): { readonly vectors: Int16Array<ArrayBuffer>; readonly constants: Int32Array<ArrayBuffer> } {
  const { blockBytes } = vectorLayout(shape);
  const { hiddenSize: h, intermediateSize: i, layers } = shape;
  const source = new Int16Array(section.slice().buffer);
  const vectors = new Int16Array(((layers + 1) * blockBytes) / 2);
  const constants = new Int32Array(((layers + 1) * BINDING_ALIGNMENT) / 4);
  let from = 0;
  const block = (index: number, columns: readonly number[]): void => {
    constants.set(source.subarray(from, from + CONSTANTS), (index * BINDING_ALIGNMENT) / 4);
    from += CONSTANTS;
    let to = (index * blockBytes) / 2;
    for (const count of columns) {
      vectors.set(source.subarray(from, from + count), to);
      from += count;
      to += 4 * rowSize(count).words;
    }
  };
  block(0, [h, h]);
  for (let l = 1; l <= layers; l++) block(l, [h, h, h, h, h, h, h, h, h, i]);
  return { vectors, constants };
}
