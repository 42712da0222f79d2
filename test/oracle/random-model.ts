/**
 * Small models made of random integers, and extreme ones that drive every bound and saturation of docs/ARITHMETIC.md.
 *
 * They come as the bytes of docs/IMAGE.md, section 4, and are legal in every respect of its section 6, point 5:
 * whatever claims to compute the integer model must agree on all of them.
 */
import type { ModelSections, ModelShape } from '../../protocol/image/model-shape.js';
import { writeSections } from './integer-model.js';
import type { IntegerLayer, Product } from './integer-model.js';
import { Prng } from './prng.js';

/** Names of the ternary products. */
export type ProductName = 'i' | 'f' | 'g' | 'o' | 'gateUp' | 'down' | 'head';
/** Names of the vectors of norm weights. */
export type NormName = 'attnNorm' | 'gNorm' | 'mlpNorm' | 'finalNorm';

/** How a model is drawn; each function gives one number. What is left out is drawn like a plausible model. */
export interface ModelRecipe {
  readonly shape?: Partial<ModelShape>;
  /** −1, 0 or 1, once for every weight. */
  readonly trit?: (random: Prng, product: ProductName, row: number) => number;
  /** −32767 … 32767, once for every column of a product. */
  readonly gain?: (random: Prng, product: ProductName, column: number) => number;
  /** −32767 … 32767, once for every channel. */
  readonly norm?: (random: Prng, norm: NormName, channel: number) => number;
  /** 0 … 32767, once for every channel. */
  readonly clb?: (random: Prng) => number;
  /** 16384 … 32767, once for every product. */
  readonly mm?: (random: Prng, product: ProductName) => number;
  /** −64 … 24, once for every product. */
  readonly em?: (random: Prng, product: ProductName) => number;
  /** 0 … 127. */
  readonly gEpsShift?: (random: Prng) => number;
  /** −128 … 127, once for every element. */
  readonly embedding?: (random: Prng, token: number, channel: number) => number;
  /** 0 … 32767, once for every token. */
  readonly rowScale?: (random: Prng, token: number) => number;
  /** 0 … 15. */
  readonly embeddingShift?: number;
}

/** H, I and V no multiples of 5, H odd. */
const DEFAULT_SHAPE: ModelShape = {
  vocabSize: 53,
  hiddenSize: 33,
  intermediateSize: 47,
  layers: 2,
  bosTokenId: 0,
  eosTokenId: 1,
};

/** A third of zeros, gains around 1, outputs of a few units: nothing saturates. */
const PLAUSIBLE: Required<Omit<ModelRecipe, 'shape'>> = {
  trit: (random) => random.between(-1, 1),
  gain: (random) => random.between(8000, 24000),
  norm: (random) => random.between(8000, 24000),
  clb: (random) => random.between(1, 32767),
  mm: (random) => random.between(16384, 32767),
  em: (random, product) => random.between(-1, 1) + (['o', 'down', 'head'].includes(product) ? -23 : -25),
  gEpsShift: (random) => random.between(0, 20),
  embedding: (random) => random.between(-127, 127),
  rowScale: (random) => random.between(100, 2000),
  embeddingShift: 6,
};

/** Draws a model. The same seed and recipe give the same bytes. */
export function randomModel(seed: number, recipe: ModelRecipe = {}): ModelSections {
  const random = new Prng(seed);
  const draw = { ...PLAUSIBLE, ...recipe };
  const shape = { ...DEFAULT_SHAPE, ...recipe.shape };
  const { vocabSize, hiddenSize: h, intermediateSize, layers } = shape;

  const vector = (length: number, element: (index: number) => number): bigint[] =>
    Array.from({ length }, (_, index) => BigInt(element(index)));
  const norm = (name: NormName): bigint[] => vector(h, (channel) => draw.norm(random, name, channel));
  const product = (name: ProductName, rows: number, columns: number): Product => {
    const scale = { mm: BigInt(draw.mm(random, name)), em: BigInt(draw.em(random, name)) };
    const gain = vector(columns, (column) => draw.gain(random, name, column));
    const trits = new Int8Array(rows * columns);
    for (let k = 0, row = 0; row < rows; row++) {
      for (const end = k + columns; k < end; k++) trits[k] = draw.trit(random, name, row);
    }
    return { scale, gain, matrix: { rows, columns, trits } };
  };
  const layer = (): IntegerLayer => ({
    attnNorm: norm('attnNorm'),
    i: product('i', h, h),
    f: product('f', h, h),
    g: product('g', h, h),
    clb: vector(h, () => draw.clb(random)),
    gNorm: norm('gNorm'),
    gEpsShift: BigInt(draw.gEpsShift(random)),
    o: product('o', h, h),
    mlpNorm: norm('mlpNorm'),
    gateUp: product('gateUp', 2 * intermediateSize, h),
    down: product('down', h, intermediateSize),
  });
  return writeSections({
    shape,
    embeddingShift: BigInt(draw.embeddingShift),
    embedding: Array.from({ length: vocabSize }, (_, token) => ({
      rowScale: BigInt(draw.rowScale(random, token)),
      row: vector(h, (channel) => draw.embedding(random, token, channel)),
    })),
    layers: Array.from({ length: layers }, layer),
    finalNorm: norm('finalNorm'),
    head: product('head', vocabSize, h),
  });
}

/** The shape of most extreme models that have one of their own. */
export const SMALL = { hiddenSize: 9, intermediateSize: 11, vocabSize: 12 };
const always = (value: number) => (): number => value;
const eitherSign =
  (value: number) =>
  (random: Prng): number =>
    random.between(0, 1) * 2 * value - value;

/** Models at the edges of the format. Each title says what the model is extreme in. */
export const EXTREME_MODELS: Readonly<Record<string, ModelRecipe>> = {
  'one channel, two tokens': { shape: { hiddenSize: 1, intermediateSize: 1, vocabSize: 2, layers: 1 } },
  // Sizes that another extreme has too: GPUs compile their kernels once for both.
  'one channel, many layers': { shape: { hiddenSize: 1, intermediateSize: 4, vocabSize: 3, layers: 40 } },
  'I smaller than H': { shape: { hiddenSize: 21, intermediateSize: 2, vocabSize: 7, layers: 3 } },
  'sizes that are multiples of 5': { shape: { hiddenSize: 20, intermediateSize: 25, vocabSize: 30 } },
  'all weights zero': { shape: SMALL, trit: always(0) },
  'all weights +1': { shape: SMALL, trit: always(1) },
  'all weights −1': { shape: SMALL, trit: always(-1) },
  'gains and norms ±32767': { shape: SMALL, gain: eitherSign(32767), norm: eitherSign(32767) },
  'gains and norms ±1': { shape: SMALL, gain: eitherSign(1), norm: eitherSign(1) },
  'all gains zero': { shape: SMALL, gain: always(0) },
  'all norms zero': { shape: SMALL, norm: always(0) },
  'norm and gain never in the same channel': {
    shape: SMALL,
    norm: (_, name, channel) => (channel % 2 === 0 && name !== 'gNorm' ? 20000 : 0),
    gain: (_, name, column) => (column % 2 === 1 || name === 'down' ? 20000 : 0),
  },
  'mm 16384': { mm: always(16384) },
  'mm 32767': { mm: always(32767) },
  'scale of +24 everywhere': { em: always(24) },
  'scale of −64 everywhere': { em: always(-64) },
  'scales across the edge of saturation': { em: (random) => random.between(-19, -13) },
  'scales that shift by 30 bits and more': { trit: always(1), em: (random) => random.between(-56, -44) },
  'lower bound complement 0': { shape: SMALL, clb: always(0) },
  'lower bound complement 32767': { shape: SMALL, clb: always(32767) },
  'embedding scale 0': { shape: SMALL, rowScale: always(0) },
  'embedding at its largest': {
    embedding: (random) => eitherSign(127)(random),
    rowScale: always(32767),
    embeddingShift: 0,
  },
  'embedding bytes of −128': { embedding: always(-128), rowScale: always(32767), embeddingShift: 0 },
  'embedding of ±1 with the largest shift': {
    embedding: (random) => random.between(-1, 1),
    rowScale: always(20000),
    embeddingShift: 15,
  },
  'residual that normalises to ±32768': {
    // ±5·26215 times 32767/32768 is ±131071: 17 bits, e = 2, and ⌊(−131071 + 2)/4⌋ = −32768; +32768 is clamped.
    embedding: (random, _, channel) => (channel % 4 === 0 ? eitherSign(5)(random) : random.between(-4, 4)),
    rowScale: always(26215),
    embeddingShift: 0,
    norm: always(32767),
    em: (random, product) => (product === 'head' ? -17 : PLAUSIBLE.em(random, product)),
  },
  'activations half way between two values': {
    // All factors are powers of two: where u is half of the largest, 127·u/M is 63.5.
    embedding: (random) => eitherSign(2 ** random.between(0, 6))(random),
    rowScale: always(16384),
    embeddingShift: 0,
    norm: eitherSign(16384),
    gain: eitherSign(16384),
  },
  'mantissas that round up to 2^15': {
    // n = 16384 gives c = 20001 before mm, and 20001·26842 is 4,070 below 2^29.
    shape: { hiddenSize: 1, intermediateSize: 4, vocabSize: 3 },
    embedding: always(64),
    rowScale: always(16384),
    embeddingShift: 0,
    norm: always(16384),
    gain: always(20002),
    mm: always(26842),
    trit: always(1),
  },
  'ε shift 0 under saturated g': {
    shape: SMALL,
    gEpsShift: always(0),
    em: (random, product) => (product === 'g' ? 24 : PLAUSIBLE.em(random, product)),
  },
  'ε shift 127': { shape: SMALL, gEpsShift: always(127) },
  'longest rows, positive residual': longestRows(1, always(24), 3),
  'longest rows, negative residual': longestRows(-1, always(24), 3),
  // acc << 11 is close to 2^31: adding half a unit of 2^30 in 32 bits would overflow, and one bit more leaves nothing.
  'longest rows, shift by 31': longestRows(1, always(-44)),
  'longest rows, shift by 32': longestRows(1, always(-45)),
};

/**
 * I at its limit and every q of the down product at 127, so that acc is ±127·8192. A BigInt step takes a tenth of a
 * second for each layer.
 */
function longestRows(sign: 1 | -1, downEm: () => number, layers = 1): ModelRecipe {
  return {
    shape: { hiddenSize: 1, intermediateSize: 8192, vocabSize: 4, layers },
    embedding: always(127),
    gain: always(32767),
    norm: always(32767),
    trit: (_, product) => (product === 'down' ? sign : 1),
    mm: always(24576),
    em: (random, product) => (product === 'down' ? downEm() : PLAUSIBLE.em(random, product)),
  };
}

/** Rows of 4,160 with all weights zero but the head's: the only way to logits beyond ±2^18. Costs seconds. */
export const WIDE_HEAD_MODEL: ModelRecipe = {
  shape: { hiddenSize: 4160, intermediateSize: 1, vocabSize: 3, layers: 1 },
  embedding: always(127),
  gain: always(32767),
  norm: always(32767),
  trit: (_, product, row) => (product === 'head' ? row - 1 : 0),
  em: always(24),
};
