/**
 * What the instructions do to vectors and scalars: docs/GATEWARE.md, section 4, with the letters of docs/ARITHMETIC.md,
 * section 4.
 *
 * Everything is reckoned by `circuits.ts` on numbers at the places that the image gives them.
 */
import { CONSTANTS, embeddingStride, ternaryBytes, type ModelShape } from '../../protocol/image/model-shape.js';
import { blockStart, LAYER_BLOCK, sectionLengths, slotOf } from '../../protocol/image/tensors.js';
import type { WeightBytes } from '../integer/model-weights.js';
import {
  bitLength,
  divide,
  inverseRoot,
  mul15,
  norm15,
  roundShift,
  saturate,
  shiftRight,
  sigma,
  sigmaOfQ8,
  ternarySums,
} from './circuits.js';
import type { EPSILONS } from './instruction-set.js';
import { MemoryFault, type VectorMemory, type VectorName } from './vector-memory.js';

/** Gains that an instruction takes without being told which. */
const CLB = LAYER_BLOCK.vectors.findIndex(({ name }) => name === 'clb');
const G_NORM = LAYER_BLOCK.vectors.findIndex(({ name }) => name === 'gNorm');

/** What QUANT leaves beside q, for the product. */
export interface OutputScale {
  readonly isZero: boolean;
  readonly c: number;
  readonly shift: number;
}

/** What NORM leaves beside n; s and ρ are not defined for S = 0. */
export interface NormScalars {
  readonly e: number;
  readonly sumOfSquares: number;
  readonly s: number;
  readonly rho: number;
}

/** The vector unit with the numbers that stay on the chip. */
export class VectorUnit {
  readonly shape: ModelShape;
  /** [L][H], Q23. */
  readonly state: Int32Array;
  /** First number of the block in `vectors` that gains and constants are taken from. */
  base = 0;
  readonly #memory: VectorMemory;
  readonly #weights: WeightBytes;
  readonly #vectors: Int16Array;
  readonly #sigma: Uint16Array;
  #norm: NormScalars | undefined;
  /** Σ g². */
  #gSquares: number | undefined;
  /** The row of the embedding comes once a token. */
  #hasRow = false;
  /** Bytes of the section `ternary` that products have taken. */
  #taken = 0;

  constructor(weights: WeightBytes, memory: VectorMemory) {
    this.shape = weights.shape;
    this.state = new Int32Array(weights.shape.layers * weights.shape.hiddenSize);
    this.#memory = memory;
    this.#weights = weights;
    this.#vectors = new Int16Array(weights.vectors.slice().buffer);
    this.#sigma = new Uint16Array(weights.tables.slice(0, 512).buffer);
  }

  /** A new token. */
  begin(): void {
    this.#norm = undefined;
    this.#gSquares = undefined;
    this.#hasRow = false;
    this.#taken = 0;
  }

  /** Whether the products of this token have taken every matrix. */
  get isStreamAtEnd(): boolean {
    return this.#taken === sectionLengths(this.shape).ternary;
  }

  /** The first number of a layer's block in `vectors`. */
  layerBase(layer: number): number {
    return blockStart(layer, this.shape);
  }

  embed(token: number): void {
    if (this.#hasRow) throw new MemoryFault('the row of the embedding was taken already');
    this.#hasRow = true;
    const { hiddenSize } = this.shape;
    const row = new Uint8Array(embeddingStride(this.shape));
    this.#weights.readEmbeddingRow(token, row);
    const view = new DataView(row.buffer);
    const x = this.#memory.write('x', hiddenSize);
    for (let k = 0; k < hiddenSize; k++)
      x[k] = roundShift(view.getInt8(2 + k) * view.getUint16(0, true), this.#vectors[0]);
  }

  scale(gain: number): void {
    const { hiddenSize } = this.shape;
    const x = this.#memory.read('x', hiddenSize);
    const w = this.#gain(gain, hiddenSize);
    const v = this.#memory.write('v', hiddenSize);
    for (let k = 0; k < hiddenSize; k++) v[k] = mul15(x[k], w[k]);
  }

  /** Steps A, B, F. */
  normalise(length: number, epsilon: (typeof EPSILONS)[number]): NormScalars {
    const v = this.#memory.read('v', length);
    const e = Math.max(0, bitLength(largest(v)) - 15);
    const n = this.#memory.write('n', length);
    let sumOfSquares = shiftRight(this.#epsilon(epsilon), 2 * e);
    for (let k = 0; k < length; k++) {
      n[k] = Math.min(roundShift(v[k], e), 32767);
      sumOfSquares += n[k] * n[k];
    }
    const root = sumOfSquares === 0 ? { s: 0, rho: 0 } : inverseRoot(sumOfSquares);
    return (this.#norm = { e, sumOfSquares, ...root });
  }

  /** Steps C, D, G. */
  quantise(target: VectorName, gain: number, constant: number, length: number): OutputScale {
    const n = this.#memory.read('n', length);
    const w = this.#gain(gain, length);
    const mm = this.#constant(constant);
    const em = this.#constant(constant + 1);
    if (mm < 2 ** 14 || em < -64 || em > 24) throw new MemoryFault(`${mm} and ${em} are no scale of a product`);
    if (this.#norm === undefined) throw new MemoryFault('nothing was normalised yet');
    const q = this.#memory.write(target, length);
    const u = Float64Array.from(n, (value, k) => value * w[k]);
    const maximum = largest(u);
    if (maximum === 0) {
      q.fill(0);
      return { isZero: true, c: 0, shift: 0 };
    }
    const d = bitLength(maximum) - 15;
    const a = shiftRight(maximum, d); // for d < 0 a shift to the left
    const reciprocal = divide(127 * 2 ** 22, a);
    for (let k = 0; k < length; k++) q[k] = shiftRight(shiftRight(u[k], d) * reciprocal + 2 ** 21, 22);
    const { s, rho } = this.#norm;
    const first = norm15(a * rho, d - 29 - s);
    const second = norm15(first.mantissa * mm, first.exponent + em);
    const isTooLarge = -second.exponent < 4;
    return isTooLarge
      ? { isZero: false, c: 32767, shift: 0 }
      : { isZero: false, c: second.mantissa, shift: Math.min(-second.exponent - 4, 32) };
  }

  /** The bytes of the next matrix of the stream. */
  nextMatrix(rows: number, columns: number): () => Uint8Array {
    const length = ternaryBytes(rows, columns);
    const offset = this.#taken;
    this.#taken += length;
    if (this.#taken > sectionLengths(this.shape).ternary) throw new MemoryFault('the stream has no more matrices');
    return this.#weights.ternary(offset, length);
  }

  /** Steps E and H, saturated as the target demands, into the target. */
  multiply(
    target: VectorName,
    input: VectorName,
    rows: number,
    columns: number,
    scale: OutputScale,
    bytes: Uint8Array,
  ): void {
    const sums = ternarySums(bytes, rows, columns, this.#memory.read(input, columns));
    const out = (row: number): number =>
      scale.isZero ? 0 : roundShift(mul15(sums[row] * 2 ** 11, scale.c), scale.shift);
    const isResidual = target === 'x';
    const before = isResidual ? this.#memory.read('x', rows) : undefined;
    const into = this.#memory.write(target, rows);
    for (let row = 0; row < rows; row++) {
      if (before) into[row] = saturate(before[row] + saturate(out(row), 31), 31);
      else into[row] = saturate(out(row), target === 'logits' ? 31 : 16);
    }
  }

  /** The recurrence: the layer's h, and y to v. */
  gate(layer: number): Int32Array {
    const { hiddenSize } = this.shape;
    const i = this.#memory.read('i', hiddenSize);
    const f = this.#memory.read('f', hiddenSize);
    const clb = this.#gain(CLB, hiddenSize);
    const h = this.state.subarray(layer * hiddenSize, (layer + 1) * hiddenSize);
    if (h.length === 0) throw new MemoryFault(`there is no layer ${layer}`);
    const v = this.#memory.write('v', hiddenSize);
    for (let k = 0; k < hiddenSize; k++) {
      const s = i[k] * sigmaOfQ8(this.#sigma, i[k]);
      const c = shiftRight(sigmaOfQ8(this.#sigma, -f[k]) * clb[k] + 2 ** 14, 15);
      h[k] += mul15(s - h[k], c);
      v[k] = mul15(h[k], sigma(this.#sigma, saturate(roundShift(h[k], 12), 16)));
    }
    return h;
  }

  /** Norm and gate of g on y. @returns Σ g² */
  mix(): number {
    const { hiddenSize } = this.shape;
    const g = this.#memory.read('g', hiddenSize);
    const y = this.#memory.read('v', hiddenSize);
    const gNorm = this.#gain(G_NORM, hiddenSize);
    const v = this.#memory.write('v', hiddenSize);
    let squares = 0;
    for (let k = 0; k < hiddenSize; k++) {
      v[k] = mul15(y[k], shiftRight(g[k] * gNorm[k] + 2 ** 14, 15));
      squares += g[k] * g[k];
    }
    return (this.#gSquares = squares);
  }

  /** z from gate and up, which alternate in u. */
  glu(): void {
    const { intermediateSize } = this.shape;
    const u = this.#memory.read('u', 2 * intermediateSize);
    const v = this.#memory.write('v', intermediateSize);
    for (let k = 0; k < intermediateSize; k++) {
      const gate = u[2 * k];
      v[k] = mul15(gate * sigmaOfQ8(this.#sigma, gate), Math.max(u[2 * k + 1], -32767));
    }
  }

  #epsilon(epsilon: (typeof EPSILONS)[number]): number {
    if (epsilon === 'none') return 0;
    if (epsilon === 'i') return this.shape.intermediateSize * 2 ** 12;
    if (this.#gSquares === undefined) throw new MemoryFault('the sum of g² is not there');
    return shiftRight(this.#gSquares, Math.max(0, this.#constant(slotOf(LAYER_BLOCK, 'gEpsShift'))));
  }

  #constant(index: number): number {
    if (index >= CONSTANTS) throw new MemoryFault(`there is no constant ${index}`);
    return this.#vectors[this.base + index];
  }

  #gain(gain: number, length: number): Int16Array {
    const start = this.base + CONSTANTS + gain * this.shape.hiddenSize;
    if (start + length > this.#vectors.length) throw new MemoryFault(`there is no gain ${gain} of ${length} numbers`);
    return this.#vectors.subarray(start, start + length);
  }
}

/** max |v[k]|. */
function largest(v: Int32Array | Float64Array): number {
  let maximum = 0;
  for (const value of v) maximum = Math.max(maximum, Math.abs(value));
  return maximum;
}
