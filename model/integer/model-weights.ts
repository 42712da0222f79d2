/**
 * An image's sections by the names of docs/IMAGE.md section 4, ready for a backend that reads the image's own layout.
 *
 * The caller has checked the sections (`verifyWeights`); lengths are those of the shape. Vectors are copied (1 % of the
 * image). Where the rest lies is up to `WeightBytes`: in memory, or in a file that is read again for every token.
 */
import { CONSTANTS, embeddingStride, type ModelSections, type ModelShape } from '../../protocol/image/model-shape.js';
import {
  blockStart,
  HEAD_BLOCK,
  LAYER_BLOCK,
  placeMatrices,
  sizeOf,
  slotOf,
  type Block,
  type LayerMatrix,
  type MatrixName,
  type PlacedMatrix,
  type VectorName,
} from '../../protocol/image/tensors.js';
import type { BitLinearWeights } from './bitlinear.js';

/** The bytes behind a model. */
export interface WeightBytes {
  readonly shape: ModelShape;
  readonly tables: Uint8Array;
  readonly vectors: Uint8Array;
  /** Copies one row of `embeddingStride` bytes. */
  readEmbeddingRow(token: number, into: Uint8Array): void;
  /**
   * Bytes of the ternary section; what the result gives is read before it is called, or that of another matrix, again.
   */
  ternary(offset: number, length: number): () => Uint8Array;
}

/** Sections that are all in memory; nothing is copied. */
export function residentBytes(sections: ModelSections): WeightBytes {
  const { shape, tables, vectors, embedding, ternary } = sections;
  const stride = embeddingStride(shape);
  return {
    shape,
    tables,
    vectors,
    readEmbeddingRow(token, into) {
      const row = token * stride;
      for (let k = 0; k < stride; k++) into[k] = embedding[row + k];
    },
    ternary(offset, length) {
      const bytes = ternary.subarray(offset, offset + length);
      return () => bytes;
    },
  };
}

/** One block. */
export interface LayerWeights {
  /** [H] gains of the norm in front of i, f, g. */
  readonly attnNorm: Int16Array;
  readonly i: BitLinearWeights;
  readonly f: BitLinearWeights;
  readonly g: BitLinearWeights;
  /** [H] 1 − lower bound of the forget gate, Q15. */
  readonly forgetScale: Int16Array;
  /** [H] gains of the norm of g, and the shift that turns Σ g² into its ε. */
  readonly gNorm: Int16Array;
  readonly gEpsilonShift: number;
  readonly o: BitLinearWeights;
  /** [H] gains of the norm in front of gate and up. */
  readonly mlpNorm: Int16Array;
  /** 2·I rows: gate r, up r, gate r+1, … */
  readonly gateUp: BitLinearWeights;
  readonly down: BitLinearWeights;
}

/** A whole model. */
export interface ModelWeights {
  readonly shape: ModelShape;
  /** 257 entries, Q15. */
  readonly sigma: Uint16Array;
  /** 256 entries, Q15. */
  readonly exp2: Uint16Array;
  /** Copies one row: u16 scale, H × int8, padding. */
  readonly readEmbeddingRow: WeightBytes['readEmbeddingRow'];
  readonly embeddingShift: number;
  readonly layers: readonly LayerWeights[];
  /** [H] gains of the norm in front of the head. */
  readonly finalNorm: Int16Array;
  readonly head: BitLinearWeights;
}

/** Names everything in the sections of one image. */
export function readModelWeights(sections: WeightBytes): ModelWeights {
  const { shape } = sections;
  const tables = alignedUint16(sections.tables);
  const vectors = new Int16Array(alignedUint16(sections.vectors).buffer);
  const product = ({ tensor, rows, columns, offset, length }: PlacedMatrix, block: BlockVectors): BitLinearWeights => {
    const [scaleMantissa, scaleExponent] = block.constants.subarray(tensor.scale);
    const matrix = { rows, columns, bytes: sections.ternary(offset, length) };
    return { matrix, gain: block.gains[tensor.gain], scaleMantissa, scaleExponent };
  };

  const matrices = placeMatrices(shape);
  const layers = Array.from({ length: shape.layers }, (_, l): LayerWeights => {
    const block = blockVectors(LAYER_BLOCK, vectors.subarray(blockStart(l, shape)), shape);
    const { attnNorm, clb, gNorm, mlpNorm } = block.gains;
    const ofLayer = matrices.layers.filter(({ layer }) => layer === l);
    return {
      ...byName(ofLayer, (matrix) => product(matrix, block)),
      attnNorm,
      forgetScale: clb,
      gNorm,
      gEpsilonShift: block.constants[slotOf(LAYER_BLOCK, 'gEpsShift')],
      mlpNorm,
    };
  });
  const block = blockVectors(HEAD_BLOCK, vectors, shape);
  return {
    shape,
    sigma: tables.subarray(0, 257),
    exp2: tables.subarray(257, 513),
    readEmbeddingRow: (token, into) => sections.readEmbeddingRow(token, into),
    embeddingShift: block.constants[slotOf(HEAD_BLOCK, 'embeddingShift')],
    layers,
    finalNorm: block.gains.finalNorm,
    head: product(matrices.head, block),
  };
}

/** The numbers of a block of the section `vectors`. */
interface BlockVectors<B extends Block = Block> {
  readonly constants: Int16Array;
  readonly gains: Readonly<Record<VectorName<B>, Int16Array>>;
}

/** @param numbers from the start of the block on */
function blockVectors<B extends Block>(block: B, numbers: Int16Array, shape: ModelShape): BlockVectors<B> {
  let at = CONSTANTS;
  const gains = block.vectors.map(({ name, columns }) => {
    return [name, numbers.subarray(at, (at += sizeOf(columns, shape)))] as const;
  });
  return {
    constants: numbers.subarray(0, CONSTANTS),
    gains: Object.fromEntries(gains) as Record<VectorName<B>, Int16Array>,
  };
}

/** @param matrices all those of a layer */
function byName<T>(
  matrices: readonly LayerMatrix[],
  make: (matrix: LayerMatrix) => T,
): Record<MatrixName<typeof LAYER_BLOCK>, T> {
  const entries = matrices.map((matrix) => [matrix.tensor.name, make(matrix)] as const);
  return Object.fromEntries(entries) as Record<MatrixName<typeof LAYER_BLOCK>, T>;
}

/** Little-endian u16 values, copied so that they are aligned. Every machine that Node runs on is little-endian. */
function alignedUint16(bytes: Uint8Array): Uint16Array {
  return new Uint16Array(bytes.slice().buffer);
}
