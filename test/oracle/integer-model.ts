/**
 * The integers of a model and the bytes that hold them: docs/IMAGE.md, section 4, read and written plainly.
 *
 * Reading refuses values outside section 6, point 5 of that document: the proofs of docs/ARITHMETIC.md rest on them.
 */
import type { ModelSections, ModelShape } from '../../protocol/image/model-shape.js';
import { at, within } from './primitives.js';
import { EXP2, SIGMA } from './tables.js';

/** Scale constant of a product: mm·2^em. */
export interface Scale {
  readonly mm: bigint;
  readonly em: bigint;
}

/** A ternary matrix; −1, 0, +1 in the order of rows. */
export interface TernaryMatrix {
  readonly rows: number;
  readonly columns: number;
  readonly trits: Int8Array;
}

/** What a BitLinear unit needs beside its input. */
export interface Product {
  readonly scale: Scale;
  /** One mantissa per column. */
  readonly gain: readonly bigint[];
  readonly matrix: TernaryMatrix;
}

/** One block; vectors have H elements. */
export interface IntegerLayer {
  readonly attnNorm: readonly bigint[];
  readonly i: Product;
  readonly f: Product;
  readonly g: Product;
  readonly clb: readonly bigint[];
  readonly gNorm: readonly bigint[];
  readonly gEpsShift: bigint;
  readonly o: Product;
  readonly mlpNorm: readonly bigint[];
  /** 2I rows: row 2r is gate r, row 2r + 1 is up r. */
  readonly gateUp: Product;
  readonly down: Product;
}

/** One row of the embedding. */
export interface EmbeddingRow {
  readonly rowScale: bigint;
  readonly row: readonly bigint[];
}

/** Everything of `ModelSections`, as numbers. */
export interface IntegerModel {
  readonly shape: ModelShape;
  readonly embeddingShift: bigint;
  readonly embedding: readonly EmbeddingRow[];
  readonly layers: readonly IntegerLayer[];
  readonly finalNorm: readonly bigint[];
  readonly head: Product;
}

/** Gains and norms: int16 without −32768. */
const GAIN = { low: -32767n, high: 32767n } as const;

/** Reads all sections; throws `RangeError` on a wrong length or a value out of range. */
export function readSections(sections: ModelSections): IntegerModel {
  const { vocabSize, hiddenSize: h, intermediateSize: i, layers } = sections.shape;
  const tables = new Cursor('tables', sections.tables);
  for (const entry of [...SIGMA, ...EXP2]) within('table entry', tables.u16(), entry, entry);
  tables.end();

  const ternary = new Cursor('ternary', sections.ternary);
  const vectors = new Cursor('vectors', sections.vectors);
  const [embeddingShift = -1n, headMm = 0n, headEm = 0n, ...unusedHead] = vectors.int16s(16);
  unusedHead.forEach((constant) => within('unused constant', constant, 0n, 0n));
  const finalNorm = gains(vectors, h);
  const headGain = gains(vectors, h);
  const layerList = Array.from({ length: layers }, () => readLayer(vectors, ternary, h, i));
  const matrix = readMatrix(ternary, vocabSize, h);
  const head = { scale: checkedScale(headMm, headEm), gain: headGain, matrix };
  vectors.end();
  ternary.end();

  const rows = new Cursor('embedding', sections.embedding);
  const embedding = Array.from({ length: vocabSize }, () => {
    const rowScale = within('rowScale', rows.u16(), 0n, 32767n);
    const row = Array.from({ length: h }, () => rows.i8());
    if (h % 2 === 1) within('embedding padding', rows.i8(), 0n, 0n);
    return { rowScale, row };
  });
  rows.end();
  within('embeddingShift', embeddingShift, 0n, 15n);
  return { shape: sections.shape, embeddingShift, embedding, layers: layerList, finalNorm, head };
}

/** Order of the constants: mm and em of i, f, g, o, gate/up, down, then gEpsShift, then zeros. */
function readLayer(vectors: Cursor, ternary: Cursor, h: number, i: number): IntegerLayer {
  const constants = vectors.int16s(16);
  const scale = (product: number): Scale => checkedScale(at(constants, 2 * product), at(constants, 2 * product + 1));
  const gEpsShift = within('gEpsShift', at(constants, 12), 0n, 127n);
  constants.slice(13).forEach((constant) => within('unused constant', constant, 0n, 0n));
  const attnNorm = gains(vectors, h);
  const [iGain, fGain, gGain] = [gains(vectors, h), gains(vectors, h), gains(vectors, h)];
  const clb = vectors.int16s(h).map((bound) => within('clb', bound, 0n, 32767n));
  const [gNorm, oGain, mlpNorm, gateGain] = [
    gains(vectors, h),
    gains(vectors, h),
    gains(vectors, h),
    gains(vectors, h),
  ];
  const downGain = gains(vectors, i);
  const product = (index: number, gain: bigint[], rows: number, columns: number): Product => {
    return { scale: scale(index), gain, matrix: readMatrix(ternary, rows, columns) };
  };
  return {
    attnNorm,
    i: product(0, iGain, h, h),
    f: product(1, fGain, h, h),
    g: product(2, gGain, h, h),
    clb,
    gNorm,
    gEpsShift,
    o: product(3, oGain, h, h),
    mlpNorm,
    gateUp: product(4, gateGain, 2 * i, h),
    down: product(5, downGain, h, i),
  };
}

function gains(vectors: Cursor, count: number): bigint[] {
  return vectors.int16s(count).map((gain) => within('gain', gain, GAIN.low, GAIN.high));
}

/** A constant that an image may hold; throws `RangeError` if it is outside. */
export function checkedScale(mm: bigint, em: bigint): Scale {
  return { mm: within('mm', mm, 2n ** 14n, 2n ** 15n - 1n), em: within('em', em, -64n, 24n) };
}

/** ⌈rows/5⌉ groups of `columns` bytes; digit d of a byte, less one, is the weight of row 5·group + d. */
function readMatrix(ternary: Cursor, rows: number, columns: number): TernaryMatrix {
  const trits = new Int8Array(rows * columns);
  for (let group = 0; 5 * group < rows; group++) {
    for (let column = 0; column < columns; column++) {
      let digits = ternary.u8();
      if (digits > 242) throw new RangeError(`weight byte ${digits} is above 242`);
      for (let row = 5 * group; row < 5 * group + 5; row++) {
        const trit = (digits % 3) - 1;
        digits = Math.floor(digits / 3);
        if (row < rows) trits[row * columns + column] = trit;
        else if (trit !== 0) throw new RangeError(`missing row ${row} of ${rows} has weight ${trit}`);
      }
    }
  }
  return { rows, columns, trits };
}

/** Writes all sections; the inverse of `readSections`, which is also what checks them. */
export function writeSections(model: IntegerModel): ModelSections {
  const { head } = model;
  const vectors = [model.embeddingShift, head.scale.mm, head.scale.em, ...Array<bigint>(13).fill(0n)];
  vectors.push(...model.finalNorm, ...head.gain);
  const ternary: Uint8Array[] = [];
  for (const layer of model.layers) {
    const products = [layer.i, layer.f, layer.g, layer.o, layer.gateUp, layer.down];
    for (const { scale } of products) vectors.push(scale.mm, scale.em);
    vectors.push(layer.gEpsShift, 0n, 0n, 0n);
    vectors.push(...layer.attnNorm, ...layer.i.gain, ...layer.f.gain, ...layer.g.gain, ...layer.clb, ...layer.gNorm);
    vectors.push(...layer.o.gain, ...layer.mlpNorm, ...layer.gateUp.gain, ...layer.down.gain);
    ternary.push(...products.map(({ matrix }) => writeMatrix(matrix)));
  }
  ternary.push(writeMatrix(head.matrix));
  return {
    shape: model.shape,
    tables: int16Bytes([...SIGMA, ...EXP2]),
    vectors: int16Bytes(vectors),
    embedding: concatenate(model.embedding.map(writeRow)),
    ternary: concatenate(ternary),
  };
}

function writeRow({ rowScale, row }: EmbeddingRow): Uint8Array {
  const padding = row.length % 2 === 1 ? [0] : [];
  return Uint8Array.from([Number(rowScale & 255n), Number(rowScale >> 8n), ...row.map(Number), ...padding]);
}

function writeMatrix({ rows, columns, trits }: TernaryMatrix): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(rows / 5) * columns);
  return bytes.map((_, index) => {
    const column = index % columns;
    const firstRow = 5 * Math.floor(index / columns);
    let byte = 0;
    // Past the last row there is no trit, which is weight 0.
    for (let digit = 4; digit >= 0; digit--) byte = 3 * byte + 1 + (trits[(firstRow + digit) * columns + column] ?? 0);
    return byte;
  });
}

function int16Bytes(values: readonly bigint[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(2 * values.length));
  for (const [index, value] of values.entries()) view.setInt16(2 * index, Number(value), true);
  return new Uint8Array(view.buffer);
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** Reads little-endian integers one after the other. */
class Cursor {
  readonly #name: string;
  readonly #view: DataView;
  #offset = 0;

  constructor(name: string, bytes: Uint8Array) {
    this.#name = name;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u8(): number {
    this.#offset += 1;
    return this.#view.getUint8(this.#offset - 1);
  }

  i8(): bigint {
    this.#offset += 1;
    return BigInt(this.#view.getInt8(this.#offset - 1));
  }

  u16(): bigint {
    this.#offset += 2;
    return BigInt(this.#view.getUint16(this.#offset - 2, true));
  }

  int16s(count: number): bigint[] {
    return Array.from({ length: count }, () => BigInt.asIntN(16, this.u16()));
  }

  end(): void {
    const left = this.#view.byteLength - this.#offset;
    if (left !== 0) throw new RangeError(`section ${this.#name} has ${left} bytes too many`);
  }
}
