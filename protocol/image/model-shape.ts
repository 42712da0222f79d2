/**
 * The shape of a model and the bytes that follow from it: what the weight image, the backends and the boards agree on.
 *
 * Layouts and limits: docs/IMAGE.md sections 2 and 4, docs/ARITHMETIC.md section 2.
 */

/** Sizes and special tokens of one model. */
export interface ModelShape {
  /** V, rows of the embedding and of the head: 2 … 65,536. */
  readonly vocabSize: number;
  /** H, width of the residual stream and of the recurrent state: 1 … 8,192. */
  readonly hiddenSize: number;
  /** I, width of the GLU: 1 … 8,192. */
  readonly intermediateSize: number;
  /** L, number of blocks: 1 … 256. */
  readonly layers: number;
  /** Token put in front of every text. */
  readonly bosTokenId: number;
  /** Token that ends a text; one of them if there are several. */
  readonly eosTokenId: number;
  /** All tokens that end a text, ascending, `eosTokenId` among them; absent for one alone. */
  readonly eosTokenIds?: readonly number[];
}

/** Largest value of each size that the arithmetic is proven for. */
export const MODEL_LIMITS = { vocabSize: 65_536, hiddenSize: 8_192, intermediateSize: 8_192, layers: 256 } as const;

/** Names of the sections, in file order. */
export const SECTION_NAMES = ['tables', 'vectors', 'embedding', 'ternary', 'tokenizer'] as const;

/** One section of a weight image. */
export type SectionName = (typeof SECTION_NAMES)[number];

/** The sections that the arithmetic needs, as raw little-endian bytes (docs/IMAGE.md, section 4). */
export interface ModelSections {
  readonly shape: ModelShape;
  readonly tables: Uint8Array;
  readonly vectors: Uint8Array;
  readonly embedding: Uint8Array;
  readonly ternary: Uint8Array;
}

/** Weights that share a byte: five rows of one column, in base 3. */
export const TRITS_PER_BYTE = 5;

/** int16 constants in front of the vectors, once for the model and once per layer. */
export const CONSTANTS = 16;

/** Bytes of a ternary matrix of `rows` × `columns`: ⌈rows/5⌉ groups of `columns` bytes. */
export function ternaryBytes(rows: number, columns: number): number {
  return Math.ceil(rows / TRITS_PER_BYTE) * columns;
}

/** Bytes of one embedding row: u16 scale, H × int8, padded to an even length. */
export function embeddingStride(shape: ModelShape): number {
  return 2 + shape.hiddenSize + (shape.hiddenSize & 1);
}
