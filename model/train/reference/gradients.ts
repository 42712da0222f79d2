/**
 * Loss and gradients of the published model in double precision: the product's own reference for training. Not for
 * speed.
 *
 * The loss is the mean cross-entropy of the next token. docs/TRAINING.md derives what is here, and MODEL's forward pass
 * is that of measure/float-model.ts; only rows are many.
 */
import {
  blockNames,
  EMBEDDINGS,
  FINAL_NORM,
  HEAD,
  LOWER_BOUNDS,
  type BitLinearNames,
} from '../../checkpoint/tensor-names.js';
import type { ModelConfig } from '../../config.js';
import { sigmoid, silu, siluSlope } from './activations.js';
import { linearRows, linearRowsBack, type Linear, type LinearPass } from './bitlinear.js';
import { lowerBounds, lowerBoundsBack } from './lower-bounds.js';
import { scanRows, scanRowsBack } from './mlgru.js';
import { normRows, normRowsBack, type NormedRows } from './norm.js';

/** All tensors of a model by the names of its checkpoint, row-major. */
export type Parameters = ReadonlyMap<string, Float64Array>;

/** Sequences of equal length, each from a fresh state. */
export interface Batch {
  /** [sequences][length] */
  readonly ids: ArrayLike<number>;
  /** Tokens of a sequence: the last of each is only a target. */
  readonly length: number;
}

/** Mean cross-entropy in nats and its gradients, by the names of the parameters. */
export interface LossAndGradients {
  readonly loss: number;
  readonly gradients: Parameters;
}

/** What one block keeps for the way back. All [rows][…]. */
interface BlockPass {
  readonly x: Float64Array;
  readonly attnNormed: NormedRows;
  readonly i: LinearPass;
  readonly f: LinearPass;
  readonly g: LinearPass;
  readonly h: Float64Array;
  readonly gNormed: NormedRows;
  readonly o: LinearPass;
  readonly middle: Float64Array;
  readonly mlpNormed: NormedRows;
  readonly gateUp: LinearPass;
  readonly down: LinearPass;
}

export function lossAndGradients(config: ModelConfig, parameters: Parameters, batch: Batch): LossAndGradients {
  const gradients = new Map([...parameters].map(([name, values]) => [name, new Float64Array(values.length)]));
  const loss = new ReferencePass(config, parameters, gradients, batch).run();
  return { loss, gradients };
}

class ReferencePass {
  readonly #config: ModelConfig;
  readonly #parameters: Parameters;
  readonly #gradients: Parameters;
  readonly #batch: Batch;
  readonly #bounds: Float64Array;
  readonly #dBounds: Float64Array;

  constructor(config: ModelConfig, parameters: Parameters, gradients: Parameters, batch: Batch) {
    this.#config = config;
    this.#parameters = parameters;
    this.#gradients = gradients;
    this.#batch = batch;
    const size = config.layers * config.hiddenSize;
    this.#bounds = config.useLowerBound ? lowerBounds(this.#of(LOWER_BOUNDS), config.layers) : new Float64Array(size);
    this.#dBounds = new Float64Array(size);
  }

  run(): number {
    const { layers, hiddenSize, rmsNormEps, useLowerBound } = this.#config;
    const { ids } = this.#batch;
    const embeddings = this.#of(EMBEDDINGS);
    let x = new Float64Array(ids.length * hiddenSize);
    for (let n = 0; n < ids.length; n++) {
      x.set(embeddings.subarray(ids[n] * hiddenSize, (ids[n] + 1) * hiddenSize), n * hiddenSize);
    }
    const blocks: BlockPass[] = [];
    for (let l = 0; l < layers; l++) {
      const block = this.#block(l, x);
      blocks.push(block);
      x = sum(block.middle, block.down.output);
    }
    const normed = normRows(x, this.#of(FINAL_NORM), rmsNormEps);
    const head = linearRows(normed.values, this.#linear(HEAD));
    const { loss, dLogits } = this.#crossEntropy(head.output);

    const dNormed = new Float64Array(x.length);
    linearRowsBack(head, this.#linear(HEAD), dLogits, dNormed, this.#linearGradients(HEAD));
    const dx = new Float64Array(x.length);
    this.#normBack(x, normed, FINAL_NORM, dNormed, dx);
    for (let l = layers - 1; l >= 0; l--) this.#blockBack(l, blocks[l], dx);
    const dEmbeddings = this.#gradient(EMBEDDINGS);
    for (let at = 0; at < dx.length; at++) {
      dEmbeddings[ids[Math.floor(at / hiddenSize)] * hiddenSize + (at % hiddenSize)] += dx[at];
    }
    if (useLowerBound) {
      this.#gradient(LOWER_BOUNDS).set(lowerBoundsBack(this.#of(LOWER_BOUNDS), layers, this.#dBounds));
    }
    return loss;
  }

  #block(l: number, x: Float64Array): BlockPass {
    const { intermediateSize, rmsNormEps: eps } = this.#config;
    const names = blockNames(l);
    const attnNormed = normRows(x, this.#of(names.attnNorm), eps);
    const i = linearRows(attnNormed.values, this.#linear(names.i));
    const f = linearRows(attnNormed.values, this.#linear(names.f));
    const g = linearRows(attnNormed.values, this.#linear(names.g));
    const h = scanRows({ i: i.output, f: f.output, bound: this.#bound(l), length: this.#batch.length });
    const gNormed = normRows(g.output, this.#of(names.gNorm), eps);
    const gated = gNormed.values.map((value, at) => value * silu(h[at]));
    const o = linearRows(gated, this.#linear(names.o));
    const middle = sum(x, o.output);
    const mlpNormed = normRows(middle, this.#of(names.mlpNorm), eps);
    const gateUp = linearRows(mlpNormed.values, this.#linear(names.gateUp));
    const down = linearRows(gluRows(gateUp.output, intermediateSize), this.#linear(names.down));
    return { x, attnNormed, i, f, g, h, gNormed, o, middle, mlpNormed, gateUp, down };
  }

  /** @param dx gradient behind the block, and then in front of it */
  #blockBack(l: number, block: BlockPass, dx: Float64Array): void {
    const { intermediateSize } = this.#config;
    const names = blockNames(l);
    const back = (pass: LinearPass, of: BitLinearNames, d: Float64Array, dInput: Float64Array): void =>
      linearRowsBack(pass, this.#linear(of), d, dInput, this.#linearGradients(of));

    const dz = new Float64Array(block.down.input.length);
    back(block.down, names.down, dx, dz);
    const dMlpNormed = new Float64Array(dx.length);
    back(block.gateUp, names.gateUp, gluRowsBack(block.gateUp.output, dz, intermediateSize), dMlpNormed);
    this.#normBack(block.middle, block.mlpNormed, names.mlpNorm, dMlpNormed, dx);

    const dGated = new Float64Array(dx.length);
    back(block.o, names.o, dx, dGated);
    const dg = new Float64Array(dx.length);
    this.#normBack(
      block.g.output,
      block.gNormed,
      names.gNorm,
      dGated.map((d, at) => d * silu(block.h[at])),
      dg,
    );
    const dh = dGated.map((d, at) => d * block.gNormed.values[at] * siluSlope(block.h[at]));
    const input = { i: block.i.output, f: block.f.output, bound: this.#bound(l), length: this.#batch.length };
    const { di, df } = scanRowsBack(input, block.h, dh, rowOf(this.#dBounds, l, this.#config.hiddenSize));
    const dAttnNormed = new Float64Array(dx.length);
    back(block.i, names.i, di, dAttnNormed);
    back(block.f, names.f, df, dAttnNormed);
    back(block.g, names.g, dg, dAttnNormed);
    this.#normBack(block.x, block.attnNormed, names.attnNorm, dAttnNormed, dx);
  }

  #normBack(v: Float64Array, { inverse }: NormedRows, name: string, dy: Float64Array, dv: Float64Array): void {
    normRowsBack({ v, weight: this.#of(name), inverse }, dy, dv, this.#gradient(name));
  }

  /** The mean over all rows but the last of each sequence, whose target is outside. */
  #crossEntropy(logits: Float64Array): { readonly loss: number; readonly dLogits: Float64Array } {
    const { vocabSize } = this.#config;
    const { ids, length } = this.#batch;
    const count = ids.length - ids.length / length;
    const dLogits = new Float64Array(logits.length);
    let loss = 0;
    for (let n = 0; n < ids.length; n++) {
      if (n % length === length - 1) continue;
      const row = logits.subarray(n * vocabSize, (n + 1) * vocabSize);
      const highest = row.reduce((most, value) => Math.max(most, value), -Infinity);
      const total = row.reduce((rest, value) => rest + Math.exp(value - highest), 0);
      loss += (highest + Math.log(total) - row[ids[n + 1]]) / count;
      for (let v = 0; v < vocabSize; v++) dLogits[n * vocabSize + v] = Math.exp(row[v] - highest) / total / count;
      dLogits[n * vocabSize + ids[n + 1]] -= 1 / count;
    }
    return { loss, dLogits };
  }

  #of(name: string): Float64Array {
    return tensorOf(this.#parameters, name);
  }

  #gradient(name: string): Float64Array {
    return tensorOf(this.#gradients, name);
  }

  #linear({ weight, norm }: BitLinearNames): Linear {
    return { weight: this.#of(weight), norm: this.#of(norm) };
  }

  #linearGradients({ weight, norm }: BitLinearNames): Linear {
    return { weight: this.#gradient(weight), norm: this.#gradient(norm) };
  }

  #bound(l: number): Float64Array {
    return rowOf(this.#bounds, l, this.#config.hiddenSize);
  }
}

/** silu(gate)·up. @param u [rows][2·width] gate in front of up @returns [rows][width] */
function gluRows(u: Float64Array, width: number): Float64Array {
  const z = new Float64Array(u.length / 2);
  for (let at = 0; at < z.length; at++) {
    const gate = at + width * Math.floor(at / width);
    z[at] = silu(u[gate]) * u[gate + width];
  }
  return z;
}

function gluRowsBack(u: Float64Array, dz: Float64Array, width: number): Float64Array {
  const du = new Float64Array(u.length);
  for (let at = 0; at < dz.length; at++) {
    const gate = at + width * Math.floor(at / width);
    du[gate] = dz[at] * u[gate + width] * siluSlope(u[gate]);
    du[gate + width] = dz[at] * u[gate] * sigmoid(u[gate]);
  }
  return du;
}

function sum(a: Float64Array, b: Float64Array): Float64Array<ArrayBuffer> {
  return Float64Array.from(a, (value, at) => value + b[at]);
}

function rowOf(values: Float64Array, row: number, width: number): Float64Array {
  return values.subarray(row * width, (row + 1) * width);
}

function tensorOf(tensors: Parameters, name: string): Float64Array {
  const tensor = tensors.get(name);
  if (tensor === undefined) throw new RangeError(`there is no tensor ${name}`);
  return tensor;
}
