/**
 * The float model: the published computation in double precision, to measure the integer model against. Not for speed.
 *
 * Follows the published code (`hgrn_bit` of arXiv 2406.02528) where paper and code differ: BitLinear's norm uses ε =
 * 1e-6, `g_norm` acts on g and the swish gate on h. int8 activations and ternary weights are the training-time forward
 * pass, so their product is exact in integers; it runs on the same packed rows as the image's.
 */
import type { Checkpoint } from '../checkpoint/checkpoint.js';
import {
  blockNames,
  EMBEDDINGS,
  FINAL_NORM,
  HEAD,
  LOWER_BOUNDS,
  type BitLinearNames,
} from '../checkpoint/tensor-names.js';
import { readFloat32 } from '../checkpoint/tensor-source.js';
import type { ModelConfig } from '../config.js';
import { packTernary } from '../pack/pack-ternary.js';
import { roundHalfEven } from '../round-half-even.js';
import { ternaryProduct, type TernaryMatrix } from '../integer/ternary-product.js';

/** ε of BitLinear's own norm: the fused kernel's default. */
const BITLINEAR_EPS = 1e-6;
/** Lowest max|y| in activation quantisation. */
const MIN_ABSMAX = 1e-5;

interface FloatBitLinear {
  readonly matrix: TernaryMatrix;
  /** Mean |W|. */
  readonly mean: number;
  /** [columns] weight of its norm. */
  readonly norm: Float32Array;
}

interface FloatBlock {
  readonly attnNorm: Float32Array;
  readonly i: FloatBitLinear;
  readonly f: FloatBitLinear;
  readonly g: FloatBitLinear;
  readonly gNorm: Float32Array;
  readonly o: FloatBitLinear;
  readonly mlpNorm: Float32Array;
  readonly gateUp: FloatBitLinear;
  readonly down: FloatBitLinear;
}

interface FloatWeights {
  readonly config: ModelConfig;
  readonly embeddings: Float32Array;
  /** [L][H] */
  readonly lowerBounds: readonly Float64Array[];
  readonly blocks: readonly FloatBlock[];
  readonly finalNorm: Float32Array;
  readonly head: FloatBitLinear;
}

const silu = (a: number): number => a / (1 + Math.exp(-a));

/** One checkpoint in double precision, with one recurrent state. */
export class FloatModel {
  readonly config: ModelConfig;
  /** [V] logits of the last step. */
  readonly logits: Float64Array;
  readonly #weights: FloatWeights;
  readonly #state: Float64Array[];
  readonly #quantised: Int8Array;
  readonly #sums: Int32Array;

  /** Reads a checkpoint. Its ternary weights stay packed, five to a byte. @throws CheckpointError */
  static async load(checkpoint: Checkpoint): Promise<FloatModel> {
    return new FloatModel(await loadWeights(checkpoint));
  }

  constructor(weights: FloatWeights) {
    const { vocabSize, hiddenSize, intermediateSize, layers } = weights.config;
    this.config = weights.config;
    this.#weights = weights;
    this.logits = new Float64Array(vocabSize);
    this.#state = Array.from({ length: layers }, () => new Float64Array(hiddenSize));
    this.#quantised = new Int8Array(Math.max(hiddenSize, intermediateSize));
    this.#sums = new Int32Array(Math.max(vocabSize, hiddenSize, 2 * intermediateSize) + 4);
  }

  /** Starts a new sequence. */
  reset(): void {
    for (const h of this.#state) h.fill(0);
  }

  /** Feeds one token and computes the logits after it. */
  step(token: number): void {
    const { config, embeddings, blocks, lowerBounds, finalNorm, head } = this.#weights;
    const { hiddenSize, intermediateSize, rmsNormEps: eps } = config;
    let x: Float64Array = Float64Array.from(embeddings.subarray(token * hiddenSize, (token + 1) * hiddenSize));
    blocks.forEach((block, l) => {
      const n = rmsNorm(x, block.attnNorm, eps);
      const i = this.#bitLinear(n, block.i);
      const f = this.#bitLinear(n, block.f);
      const g = rmsNorm(this.#bitLinear(n, block.g), block.gNorm, eps);
      const h = this.#state[l];
      const o = h.map((previous, k) => {
        const bound = lowerBounds[l][k];
        const forget = bound + (1 - bound) / (1 + Math.exp(-f[k]));
        h[k] = forget * previous + silu(i[k]) * (1 - forget);
        return g[k] * silu(h[k]);
      });
      x = add(x, this.#bitLinear(o, block.o));
      const u = this.#bitLinear(rmsNorm(x, block.mlpNorm, eps), block.gateUp);
      const z = u.subarray(0, intermediateSize).map((gate, k) => silu(gate) * u[intermediateSize + k]);
      x = add(x, this.#bitLinear(z, block.down));
    });
    this.logits.set(this.#bitLinear(rmsNorm(x, finalNorm, eps), head));
  }

  /** Norm, int8 quantisation and ternary product: [columns] → [rows]. */
  #bitLinear(v: Float64Array, { matrix, mean, norm }: FloatBitLinear): Float64Array {
    const y = rmsNorm(v, norm, BITLINEAR_EPS);
    let absmax = MIN_ABSMAX;
    for (const value of y) absmax = Math.max(absmax, Math.abs(value));
    const scale = 127 / absmax;
    for (let k = 0; k < y.length; k++) this.#quantised[k] = roundHalfEven(y[k] * scale);
    ternaryProduct(matrix, this.#quantised, this.#sums);
    const out = new Float64Array(matrix.rows);
    for (let r = 0; r < out.length; r++) out[r] = (this.#sums[r] * mean) / scale;
    return out;
  }
}

function rmsNorm(v: Float64Array, weight: Float32Array, eps: number): Float64Array {
  let squares = 0;
  for (const value of v) squares += value * value;
  const inverse = 1 / Math.sqrt(squares / v.length + eps);
  return v.map((value, k) => value * inverse * weight[k]);
}

function add(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, k) => value + b[k]);
}

async function loadWeights(checkpoint: Checkpoint): Promise<FloatWeights> {
  const { config } = checkpoint;
  const { hiddenSize: h, intermediateSize: i, layers, vocabSize } = config;
  const read = (name: string): Promise<Float32Array> => readFloat32(checkpoint, name);
  const bitLinear = async (names: BitLinearNames, rows: number, columns: number): Promise<FloatBitLinear> => {
    const { mean, bytes } = await packTernary(checkpoint, { name: names.weight, rows, columns, interleaved: false });
    return { matrix: { rows, columns, bytes: () => bytes }, mean, norm: await read(names.norm) };
  };
  const blocks: FloatBlock[] = [];
  for (let l = 0; l < layers; l++) {
    const names = blockNames(l);
    blocks.push({
      attnNorm: await read(names.attnNorm),
      i: await bitLinear(names.i, h, h),
      f: await bitLinear(names.f, h, h),
      g: await bitLinear(names.g, h, h),
      gNorm: await read(names.gNorm),
      o: await bitLinear(names.o, h, h),
      mlpNorm: await read(names.mlpNorm),
      gateUp: await bitLinear(names.gateUp, 2 * i, h),
      down: await bitLinear(names.down, h, i),
    });
  }
  return {
    config,
    embeddings: await read(EMBEDDINGS),
    lowerBounds: cumulativeSoftmax(config.useLowerBound ? await read(LOWER_BOUNDS) : undefined, layers, h),
    blocks,
    finalNorm: await read(FINAL_NORM),
    head: await bitLinear(HEAD, vocabSize, h),
  };
}

/** lb[l] = s[1] + … + s[l] with s the softmax over layers; zero without bounds. */
function cumulativeSoftmax(bounds: Float32Array | undefined, layers: number, hidden: number): Float64Array[] {
  const result = Array.from({ length: layers }, () => new Float64Array(hidden));
  if (bounds === undefined) return result;
  for (let k = 0; k < hidden; k++) {
    const exponentials = Array.from({ length: layers }, (_, l) => Math.exp(bounds[l * hidden + k]));
    const sum = exponentials.reduce((total, value) => total + value, 0);
    for (let l = 1; l < layers; l++) result[l][k] = result[l - 1][k] + exponentials[l] / sum;
  }
  return result;
}
