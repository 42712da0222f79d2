/**
 * What lies where in the memory of the kernels: made from the shape alone, so that an image that does not fit is
 * refused before it is read.
 *
 * Vectors are padded with zeros to 64 elements, the rows of a matrix to eight; the kernels have no other remainders.
 */
import { embeddingStride, TRITS_PER_BYTE, type ModelShape } from '../../../protocol/image/model-shape.js';
import { placeMatrices } from '../../../protocol/image/tensors.js';
import type { BitLinearWeights } from '../../integer/bitlinear.js';
import { readModelWeights, type ModelWeights } from '../../integer/model-weights.js';
import { modelTooLarge } from './cpu-error.js';
import * as layout from './layout.js';

/** WebAssembly counts memory in these, and has at most 65,536 of them. */
export const PAGE_BYTES = 65_536;
export const MOST_PAGES = 65_536;

/** Bytes of the image that are read at a time, about: they stay in a cache. */
const PIECE_BYTES = 2 ** 18;
/** `transcode` needs some room, and may read a little beyond what it is given. */
const TRANSCODE_BYTES = 256;

const CRC_TABLE_BYTES = 12 * 1024;
const GROUPS_OF_BLOCKS = 8;

/** A matrix: where it comes from and where it goes. */
export interface MatrixPlace {
  readonly rows: number;
  readonly columns: number;
  /** In the section `ternary`. */
  readonly offset: number;
  readonly address: number;
}

/** What takes the codes of two rows out of four: sixteen bytes for the first, sixteen for the second. */
export const CODE_MASKS: Uint8Array = new Uint8Array(32).fill(3, 0, 16).fill(12, 16);

export interface MemoryPlan {
  readonly shape: ModelShape;
  readonly sigma: number;
  readonly exp2: number;
  readonly crcTables: number;
  readonly masks: number;
  readonly layerTable: number;
  /** Padded int16 vectors, in the order of {@link vectorsOf}. */
  readonly vectors: number;
  readonly rowTable: number;
  /** L + 1 words of each row. */
  readonly taps: number;
  readonly residual: number;
  readonly gatedState: number;
  readonly outputGate: number;
  readonly glu: number;
  readonly quantised: number;
  readonly quantisedStride: number;
  readonly scratch: number;
  readonly scratchStride: number;
  readonly survey: number;
  readonly surveyStride: number;
  readonly logits: number;
  readonly logitsStride: number;
  /** Of each row that a step feeds. */
  readonly embedding: number;
  readonly embeddingStride: number;
  /** What loading works in, then what it has read. */
  readonly staging: number;
  /** In the order of the file. */
  readonly matrices: readonly MatrixPlace[];
  /** From here on: states. */
  readonly heap: number;
  /** Bytes of a state: [L][H rounded up to 8] int32. */
  readonly stateBytes: number;
}

const upTo = (multiple: number, n: number): number => Math.ceil(n / multiple) * multiple;

/** Bytes of a matrix in blocks of eight rows. */
function matrixBytes(rows: number, columns: number): number {
  return Math.ceil(rows / 8) * 2 * upTo(64, columns);
}

/** @throws CpuError `cpu-too-large` */
export function planMemory(shape: ModelShape): MemoryPlan {
  const { vocabSize, hiddenSize, intermediateSize, layers } = shape;
  const hidden = upTo(64, hiddenSize);
  const intermediate = upTo(64, intermediateSize);
  const longest = Math.max(hidden, intermediate);
  const rows = layout.MAX_ROWS;
  let end = layout.HEADER_BYTES;
  const place = (bytes: number): number => {
    const address = end;
    end += upTo(64, bytes);
    return address;
  };
  const quantisedStride = layout.SCALES_BYTES + Math.max(3 * hidden, intermediate);
  const scratchStride = upTo(64, 6 * longest + rows * layout.SUMS_BYTES);
  // Four values are read at a time.
  const rowBytes = upTo(64, embeddingStride(shape) + 4);
  const surveyStride = 8 * Math.ceil(vocabSize / layout.SURVEY_LOGITS);
  const logitsStride = 4 * upTo(64, vocabSize);
  const placed = {
    sigma: place(2 * 257),
    exp2: place(2 * 256),
    crcTables: place(CRC_TABLE_BYTES),
    masks: place(32),
    layerTable: place(layers * layout.LAYER_BYTES),
    vectors: place(2 * (2 * hidden + layers * (9 * hidden + intermediate))),
    rowTable: place(rows * layout.ROW_BYTES),
    taps: place(4 * rows * (layers + 1)),
    residual: place(4 * rows * hidden),
    gatedState: place(4 * rows * hidden),
    outputGate: place(4 * rows * hidden),
    glu: place(4 * rows * intermediate),
    quantised: place((rows + layout.MAX_THREADS) * quantisedStride),
    scratch: place(layout.MAX_THREADS * scratchStride),
    survey: place(rows * surveyStride),
    logits: place(rows * logitsStride),
    embedding: place(rows * rowBytes),
  };
  const { layers: ofLayers, head } = placeMatrices(shape);
  const stored = [...ofLayers, head];
  const staging = place(TRANSCODE_BYTES + Math.max(...stored.map(({ columns }) => pieceBytes(columns))));
  const matrices = stored.map(({ rows: count, columns, offset }): MatrixPlace => {
    return { rows: count, columns, offset, address: place(matrixBytes(count, columns)) };
  });
  const plan: MemoryPlan = {
    shape,
    ...placed,
    embeddingStride: rowBytes,
    staging,
    quantisedStride,
    scratchStride,
    surveyStride,
    logitsStride,
    matrices,
    heap: end,
    stateBytes: 4 * layers * upTo(8, hiddenSize),
  };
  if (heapEnd(plan) > MOST_PAGES * PAGE_BYTES) throw modelTooLarge(heapEnd(plan));
  return plan;
}

/** Where the memory may end once the model is loaded and one sequence has a state. */
export function heapEnd({ heap, stateBytes }: MemoryPlan): number {
  return heap + 2 * stateBytes;
}

function pieceBytes(columns: number): number {
  return groupsOfPiece(columns) * columns;
}

/** Groups of five rows that are transcoded at a time, so that they make whole blocks. */
export function groupsOfPiece(columns: number): number {
  return Math.max(1, Math.floor(PIECE_BYTES / (GROUPS_OF_BLOCKS * columns))) * GROUPS_OF_BLOCKS;
}

/** Rows of so many groups, in fours. */
export function foursOf(groups: number): number {
  return (groups * TRITS_PER_BYTE) / 4;
}

/**
 * Everything but embedding and matrices.
 *
 * @param bytes of the kernels' memory, all zero from `HEADER_BYTES` to the embedding
 */
export function writeModel(
  bytes: Uint8Array,
  plan: MemoryPlan,
  sections: { readonly tables: Uint8Array; readonly vectors: Uint8Array },
): void {
  const { shape } = plan;
  const weights = readModelWeights({
    shape,
    ...sections,
    readEmbeddingRow: () => {},
    ternary: () => () => new Uint8Array(0),
  });
  const words = new Uint32Array(bytes.buffer, 0, plan.embedding >> 2);
  const halves = new Uint16Array(bytes.buffer, 0, plan.embedding >> 1);
  halves.set(weights.sigma, plan.sigma >> 1);
  halves.set(weights.exp2, plan.exp2 >> 1);
  words.set(crcTables(), plan.crcTables >> 2);
  bytes.set(CODE_MASKS, plan.masks);
  writeHeader(words, plan);
  writeVectors(words, new Int16Array(bytes.buffer, 0, plan.embedding >> 1), plan, weights);
}

function writeHeader(words: Uint32Array, plan: MemoryPlan): void {
  const { shape } = plan;
  const header: readonly (readonly [number, number])[] = [
    [layout.LAYERS, shape.layers],
    [layout.VOCABULARY, shape.vocabSize],
    [layout.HIDDEN, shape.hiddenSize],
    [layout.HIDDEN_PADDED, upTo(64, shape.hiddenSize)],
    [layout.INTERMEDIATE, shape.intermediateSize],
    [layout.INTERMEDIATE_PADDED, upTo(64, shape.intermediateSize)],
    [layout.EMBEDDING, plan.embedding],
    [layout.EMBEDDING_STRIDE, plan.embeddingStride],
    [layout.SIGMA, plan.sigma],
    [layout.EXP2, plan.exp2],
    [layout.CRC_TABLES, plan.crcTables],
    [layout.LAYER_TABLE, plan.layerTable],
    [layout.ROW_TABLE, plan.rowTable],
    [layout.RESIDUAL, plan.residual],
    [layout.GATED_STATE, plan.gatedState],
    [layout.OUTPUT_GATE, plan.outputGate],
    [layout.GLU, plan.glu],
    [layout.LOGITS, plan.logits],
    [layout.LOGITS_STRIDE, plan.logitsStride],
    [layout.SURVEY, plan.survey],
    [layout.SURVEY_STRIDE, plan.surveyStride],
    [layout.QUANTISED, plan.quantised],
    [layout.QUANTISED_STRIDE, plan.quantisedStride],
    [layout.SCRATCH, plan.scratch],
    [layout.SCRATCH_STRIDE, plan.scratchStride],
    [layout.MASKS, plan.masks],
  ];
  for (const [address, value] of header) words[address >> 2] = value;
}

function writeVectors(words: Uint32Array, numbers: Int16Array, plan: MemoryPlan, weights: ModelWeights): void {
  let end = plan.vectors;
  let matrix = 0;
  const vector = (values: Int16Array): number => {
    const address = end;
    numbers.set(values, address >> 1);
    end += 2 * upTo(64, values.length);
    return address;
  };
  const product = (address: number, { gain, scaleMantissa, scaleExponent }: BitLinearWeights): void => {
    words[address >> 2] = plan.matrices[matrix++].address;
    words[(address + layout.PRODUCT_GAIN) >> 2] = vector(gain);
    words[(address + layout.PRODUCT_MANTISSA) >> 2] = scaleMantissa;
    words[(address + layout.PRODUCT_EXPONENT) >> 2] = scaleExponent;
  };
  for (const [l, layer] of weights.layers.entries()) {
    const at = plan.layerTable + l * layout.LAYER_BYTES;
    words[(at + layout.LAYER_ATTN_NORM) >> 2] = vector(layer.attnNorm);
    words[(at + layout.LAYER_FORGET_SCALE) >> 2] = vector(layer.forgetScale);
    words[(at + layout.LAYER_G_NORM) >> 2] = vector(layer.gNorm);
    words[(at + layout.LAYER_MLP_NORM) >> 2] = vector(layer.mlpNorm);
    words[(at + layout.LAYER_EPSILON_SHIFT) >> 2] = layer.gEpsilonShift;
    // In the order of the file, which is that of the kernels.
    for (const [index, weight] of [layer.i, layer.f, layer.g, layer.o, layer.gateUp, layer.down].entries()) {
      product(at + layout.LAYER_PRODUCTS + index * layout.PRODUCT_BYTES, weight);
    }
  }
  words[layout.EMBEDDING_SHIFT >> 2] = weights.embeddingShift;
  words[layout.FINAL_NORM >> 2] = vector(weights.finalNorm);
  product(layout.HEAD_PRODUCT, weights.head);
}

/**
 * Tables 0 … 7 for eight bytes at a time, then four that put 4·64 zero bytes behind a register. CRC-32/ISO-HDLC,
 * reflected.
 */
function crcTables(): Uint32Array {
  const tables = new Uint32Array(CRC_TABLE_BYTES / 4);
  const afterZero = (register: number): number => (register >>> 8) ^ tables[register & 255];
  for (let byte = 0; byte < 256; byte++) {
    let register = byte;
    for (let bit = 0; bit < 8; bit++) register = (register >>> 1) ^ (register & 1 ? 0xedb88320 : 0);
    tables[byte] = register;
  }
  for (let k = 256; k < 8 * 256; k++) tables[k] = afterZero(tables[k - 256]);
  const afterSurvey = Array.from({ length: 32 }, (_, bit) => {
    let register = 2 ** bit;
    for (let k = 0; k < 4 * layout.SURVEY_LOGITS; k++) register = afterZero(register) >>> 0;
    return register;
  });
  for (let k = 0; k < 4 * 256; k++) {
    for (let bit = 0; bit < 8; bit++) {
      if (((k >> bit) & 1) === 1) tables[8 * 256 + k] ^= afterSurvey[8 * (k >> 8) + bit];
    }
  }
  return tables;
}
