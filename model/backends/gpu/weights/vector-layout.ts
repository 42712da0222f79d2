/**
 * Where the vectors of a model lie in GPU memory: as in the image (docs/IMAGE.md, section 4, `vectors`), but each
 * padded with zeros to whole words of 64 columns, so that kernels need no bounds, and each block aligned so that it can
 * be bound by itself.
 */
import { CONSTANTS, type ModelShape } from '../../../../protocol/image/model-shape.js';
import { HEAD_BLOCK, LAYER_BLOCK, sizeOf, type Block, type VectorName } from '../../../../protocol/image/tensors.js';
import { rowSize } from '../kernels/arithmetic.js';

/** Offsets in words of two int16 from the start of a block. */
type VectorOffsets<B extends Block> = Readonly<Record<VectorName<B>, number>>;

export interface VectorLayout {
  readonly layer: VectorOffsets<typeof LAYER_BLOCK>;
  readonly head: VectorOffsets<typeof HEAD_BLOCK>;
  /** Bytes of one block, a multiple of 256: the head's comes first, then those of the layers. */
  readonly blockBytes: number;
}

/** Bytes that a binding's offset must be a multiple of, on every adapter. */
export const BINDING_ALIGNMENT = 256;

export function alignBinding(bytes: number): number {
  return Math.ceil(bytes / BINDING_ALIGNMENT) * BINDING_ALIGNMENT;
}

export function vectorLayout(shape: ModelShape): VectorLayout {
  const head = offsetsIn(HEAD_BLOCK, shape);
  const layer = offsetsIn(LAYER_BLOCK, shape);
  return {
    layer: layer.offsets,
    head: head.offsets,
    blockBytes: alignBinding(4 * Math.max(head.words, layer.words)),
  };
}

function offsetsIn<B extends Block>(
  block: B,
  shape: ModelShape,
): { readonly offsets: VectorOffsets<B>; readonly words: number } {
  let words = 0;
  const entries = block.vectors.map(({ name, columns }) => {
    const entry = [name, words] as const;
    words += 2 * rowSize(sizeOf(columns, shape)).words;
    return entry;
  });
  return { offsets: Object.fromEntries(entries) as Record<VectorName<B>, number>, words };
}

/** All blocks, and the constants of each as 16 int32 at a distance of 256 bytes. */
export function layOutVectors(
  shape: ModelShape,
  section: Uint8Array,
): { readonly vectors: Int16Array<ArrayBuffer>; readonly constants: Int32Array<ArrayBuffer> } {
  const { blockBytes } = vectorLayout(shape);
  const source = new Int16Array(section.slice().buffer);
  const blocks: readonly Block[] = [HEAD_BLOCK, ...Array.from({ length: shape.layers }, () => LAYER_BLOCK)];
  const vectors = new Int16Array((blocks.length * blockBytes) / 2);
  const constants = new Int32Array((blocks.length * BINDING_ALIGNMENT) / 4);
  let from = 0;
  blocks.forEach((block, index) => {
    constants.set(source.subarray(from, from + CONSTANTS), (index * BINDING_ALIGNMENT) / 4);
    from += CONSTANTS;
    let to = (index * blockBytes) / 2;
    for (const { columns } of block.vectors) {
      const count = sizeOf(columns, shape);
      vectors.set(source.subarray(from, from + count), to);
      from += count;
      to += 4 * rowSize(count).words;
    }
  });
  return { vectors, constants };
}
