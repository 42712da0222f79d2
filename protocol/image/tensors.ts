/**
 * The tensors of a weight image: the one table of what lies in the sections `vectors` and `ternary`, in the order of
 * the file.
 *
 * docs/IMAGE.md, section 4. Packer, checks, reference, simulator, GPU and the headers for firmware in C iterate over
 * it; only the oracle of the tests writes the order down once more, from the document.
 */
import { CONSTANTS, embeddingStride, ternaryBytes, type ModelShape, type SectionName } from './model-shape.js';

/** A size by its letter: H and I may be the same number, but not in the next model. */
export type Dimension = 'H' | 'I' | '2I' | 'V';

/** Values that the arithmetic is proven for: from `first` to `last`. */
export interface Range {
  readonly first: number;
  readonly last: number;
}

/** An int16 of a block that is no scale of a product. */
export interface ConstantTensor extends Range {
  readonly name: string;
  /** Which of the block's {@link CONSTANTS}. */
  readonly slot: number;
}

/** A vector of int16. */
export interface VectorTensor extends Range {
  readonly name: string;
  /** The gain of a norm of the model; that of the norm inside of a product; what a forget gate lets pass at most. */
  readonly kind: 'norm' | 'gain' | 'bound';
  readonly columns: 'H' | 'I';
}

/** A ternary matrix, and where in the same block its product takes gain and scale from. */
export interface MatrixTensor {
  readonly name: string;
  readonly rows: Dimension;
  readonly columns: 'H' | 'I';
  /** Name of the vector. */
  readonly gain: string;
  /** Slot of the mantissa mm; the exponent em is in the next one. */
  readonly scale: number;
  /**
   * Fraction bits of what the product gives, which the scale brings it to: 8 for pre-activations, 12 for residual and
   * logits.
   */
  readonly outputBits: 8 | 12;
}

/** What belongs together: the constants and vectors lie in `vectors`, constants first; the matrices in `ternary`. */
export interface Block {
  readonly constants: readonly ConstantTensor[];
  readonly vectors: readonly VectorTensor[];
  readonly matrices: readonly MatrixTensor[];
}

/** −32768 would make `mul15` overflow. */
const GAIN: Range = { first: -32_767, last: 32_767 };

/** The scale of a product, mm and em. */
export const SCALE: readonly (Range & { readonly name: string })[] = [
  { name: 'mm', first: 2 ** 14, last: 2 ** 15 - 1 },
  { name: 'em', first: -64, last: 24 },
];

/** Of the model: the first block of `vectors`, and the last of `ternary`. */
export const HEAD_BLOCK = {
  constants: [{ name: 'embeddingShift', slot: 0, first: 0, last: 15 }],
  vectors: [
    { name: 'finalNorm', kind: 'norm', columns: 'H', ...GAIN },
    { name: 'headGain', kind: 'gain', columns: 'H', ...GAIN },
  ],
  matrices: [{ name: 'head', rows: 'V', columns: 'H', gain: 'headGain', scale: 1, outputBits: 12 }],
} as const satisfies Block;

/** Of each layer, in the order of use. */
export const LAYER_BLOCK = {
  constants: [{ name: 'gEpsShift', slot: 12, first: 0, last: 127 }],
  vectors: [
    { name: 'attnNorm', kind: 'norm', columns: 'H', ...GAIN },
    { name: 'iGain', kind: 'gain', columns: 'H', ...GAIN },
    { name: 'fGain', kind: 'gain', columns: 'H', ...GAIN },
    { name: 'gGain', kind: 'gain', columns: 'H', ...GAIN },
    { name: 'clb', kind: 'bound', columns: 'H', first: 0, last: 32_767 },
    { name: 'gNorm', kind: 'norm', columns: 'H', ...GAIN },
    { name: 'oGain', kind: 'gain', columns: 'H', ...GAIN },
    { name: 'mlpNorm', kind: 'norm', columns: 'H', ...GAIN },
    { name: 'gateGain', kind: 'gain', columns: 'H', ...GAIN },
    { name: 'downGain', kind: 'gain', columns: 'I', ...GAIN },
  ],
  matrices: [
    { name: 'i', rows: 'H', columns: 'H', gain: 'iGain', scale: 0, outputBits: 8 },
    { name: 'f', rows: 'H', columns: 'H', gain: 'fGain', scale: 2, outputBits: 8 },
    { name: 'g', rows: 'H', columns: 'H', gain: 'gGain', scale: 4, outputBits: 8 },
    { name: 'o', rows: 'H', columns: 'H', gain: 'oGain', scale: 6, outputBits: 12 },
    // Gate and up rows in turn.
    { name: 'gateUp', rows: '2I', columns: 'H', gain: 'gateGain', scale: 8, outputBits: 8 },
    { name: 'down', rows: 'H', columns: 'I', gain: 'downGain', scale: 10, outputBits: 12 },
  ],
} as const satisfies Block;

export type VectorName<B extends Block> = B['vectors'][number]['name'];
export type NormName<B extends Block> = Extract<B['vectors'][number], { readonly kind: 'norm' }>['name'];
export type MatrixName<B extends Block> = B['matrices'][number]['name'];

const SIZES: Readonly<Record<Dimension, (shape: ModelShape) => number>> = {
  H: ({ hiddenSize }) => hiddenSize,
  I: ({ intermediateSize }) => intermediateSize,
  '2I': ({ intermediateSize }) => 2 * intermediateSize,
  V: ({ vocabSize }) => vocabSize,
};

/** The number that a letter stands for. */
export function sizeOf(dimension: Dimension, shape: ModelShape): number {
  return SIZES[dimension](shape);
}

/** The {@link CONSTANTS} of a block, in order; those without a meaning are 0. */
export function constantsOf({ constants, matrices }: Block): readonly (Range & { readonly name: string })[] {
  const all = Array.from({ length: CONSTANTS }, () => ({ name: 'an unused constant', first: 0, last: 0 }));
  for (const constant of constants) all[constant.slot] = constant;
  for (const { scale } of matrices) SCALE.forEach((part, k) => (all[scale + k] = part));
  return all;
}

/** The slot of a constant. */
export function slotOf<B extends Block>(block: B, name: B['constants'][number]['name']): number {
  return block.constants.find((constant) => constant.name === name)!.slot;
}

/** Where a block starts in `vectors`, in int16. @param layer −1 for {@link HEAD_BLOCK} */
export function blockStart(layer: number, shape: ModelShape): number {
  return layer < 0 ? 0 : blockLength(HEAD_BLOCK, shape) + layer * blockLength(LAYER_BLOCK, shape);
}

/** int16 of a block in `vectors`. */
export function blockLength({ vectors }: Block, shape: ModelShape): number {
  return vectors.reduce((length, { columns }) => length + sizeOf(columns, shape), CONSTANTS);
}

/** A matrix and where it lies in `ternary`. */
export interface PlacedMatrix<T extends MatrixTensor = MatrixTensor> {
  readonly tensor: T;
  readonly rows: number;
  readonly columns: number;
  /** In bytes. */
  readonly offset: number;
  readonly length: number;
}

export type LayerMatrix = PlacedMatrix<(typeof LAYER_BLOCK.matrices)[number]> & { readonly layer: number };

/** All matrices in the order of the file: those of the layers, then the head. */
export function placeMatrices(shape: ModelShape): {
  readonly layers: readonly LayerMatrix[];
  readonly head: PlacedMatrix;
} {
  let offset = 0;
  const place = <T extends MatrixTensor>(tensor: T): PlacedMatrix<T> => {
    const [rows, columns] = [sizeOf(tensor.rows, shape), sizeOf(tensor.columns, shape)];
    const length = ternaryBytes(rows, columns);
    offset += length;
    return { tensor, rows, columns, offset: offset - length, length };
  };
  const layers = Array.from({ length: shape.layers }, (_, layer) =>
    LAYER_BLOCK.matrices.map((tensor) => ({ layer, ...place(tensor) })),
  ).flat();
  return { layers, head: place(HEAD_BLOCK.matrices[0]) };
}

/** Bytes of every section whose length follows from the shape. */
export function sectionLengths(shape: ModelShape): Record<Exclude<SectionName, 'tokenizer'>, number> {
  const matrixBytes = ({ rows, columns }: MatrixTensor): number =>
    ternaryBytes(sizeOf(rows, shape), sizeOf(columns, shape));
  return {
    tables: 2 * (257 + 256),
    vectors: 2 * blockStart(shape.layers, shape),
    embedding: shape.vocabSize * embeddingStride(shape),
    ternary: ofAllMatrices(shape, matrixBytes),
  };
}

/** Number of ternary weights that a token multiplies by: body and head. */
export function ternaryWeights(shape: ModelShape): number {
  return ofAllMatrices(shape, ({ rows, columns }) => sizeOf(rows, shape) * sizeOf(columns, shape));
}

function ofAllMatrices({ layers }: ModelShape, measure: (tensor: MatrixTensor) => number): number {
  const of = ({ matrices }: Block): number => matrices.reduce((sum, tensor) => sum + measure(tensor), 0);
  return layers * of(LAYER_BLOCK) + of(HEAD_BLOCK);
}
