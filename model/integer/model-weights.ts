/**
 * An image's sections by the names of docs/IMAGE.md section 4, ready for a backend that reads the image's own layout.
 *
 * The caller has checked the sections (`verifyWeights`); lengths are those of the shape. Vectors are copied (1 % of the image). Where the rest
 * lies is up to `WeightBytes`: in memory, or in a file that is read again for every token.
 */
import {
  CONSTANTS,
  embeddingStride,
  ternaryBytes,
  type ModelSections,
  type ModelShape,
} from '../../protocol/image/model-shape.js';
import type { BitLinearWeights } from './bitlinear.js';

/** The bytes behind a model. */
export interface WeightBytes {
  readonly shape: ModelShape;
  readonly tables: Uint8Array;
  readonly vectors: Uint8Array;
  /** Copies one row of `embeddingStride` bytes. */
  readEmbeddingRow(token: number, into: Uint8Array): void;
  /** Bytes of the ternary section; what the result gives is read before it is called, or that of another matrix, again. */
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
  const { hiddenSize: h, intermediateSize: i } = shape;
  const tables = alignedUint16(sections.tables);
  const vectors = new Int16Array(alignedUint16(sections.vectors).buffer);
  let vectorOffset = 0;
  let ternaryOffset = 0;
  const vector = (length: number): Int16Array => vectors.subarray(vectorOffset, (vectorOffset += length));
  const product = (rows: number, columns: number, scale: Int16Array, gain: Int16Array): BitLinearWeights => {
    const length = ternaryBytes(rows, columns);
    const bytes = sections.ternary(ternaryOffset, length);
    ternaryOffset += length;
    return { matrix: { rows, columns, bytes }, gain, scaleMantissa: scale[0], scaleExponent: scale[1] };
  };

  const constants = vector(CONSTANTS);
  const finalNorm = vector(h);
  const headGain = vector(h);
  const layers: LayerWeights[] = [];
  for (let l = 0; l < shape.layers; l++) {
    const c = vector(CONSTANTS);
    const attnNorm = vector(h);
    const iGain = vector(h);
    const fGain = vector(h);
    const gGain = vector(h);
    const forgetScale = vector(h);
    const gNorm = vector(h);
    const oGain = vector(h);
    const mlpNorm = vector(h);
    const gateGain = vector(h);
    const downGain = vector(i);
    layers.push({
      attnNorm,
      i: product(h, h, c.subarray(0, 2), iGain),
      f: product(h, h, c.subarray(2, 4), fGain),
      g: product(h, h, c.subarray(4, 6), gGain),
      forgetScale,
      gNorm,
      gEpsilonShift: c[12],
      o: product(h, h, c.subarray(6, 8), oGain),
      mlpNorm,
      gateUp: product(2 * i, h, c.subarray(8, 10), gateGain),
      down: product(h, i, c.subarray(10, 12), downGain),
    });
  }
  return {
    shape,
    sigma: tables.subarray(0, 257),
    exp2: tables.subarray(257, 513),
    readEmbeddingRow: (token, into) => sections.readEmbeddingRow(token, into),
    embeddingShift: constants[0],
    layers,
    finalNorm,
    head: product(shape.vocabSize, h, constants.subarray(1, 3), headGain),
  };
}

/** Little-endian u16 values, copied so that they are aligned. Every machine that Node runs on is little-endian. */
function alignedUint16(bytes: Uint8Array): Uint16Array {
  return new Uint16Array(bytes.slice().buffer);
}
