/**
 * The kernels of BitLinears and norms, forth and back, on the buffers of a run (docs/TRAINING.md, sections 2 and 3).
 */
import type { BufferPart } from '../../backends/gpu/device/gpu-device.js';
import type { BitLinearNames } from '../../checkpoint/tensor-names.js';
import type { KernelList } from './kernel-list.js';
import { normBack, normBackGroups } from './kernels/norm-back.js';
import { productInputs, productInputsGroups } from './kernels/product-inputs.js';
import { productWeights, productWeightsGroups, rowSplits } from './kernels/product-weights.js';
import { quantiseRows } from './kernels/quantise-rows.js';
import { rowGroup } from './kernels/reduce-rows.js';
import { sumPartials, sumPartialsGroups } from './kernels/sum-partials.js';
import { ternaryProduct, ternaryProductGroups } from './kernels/ternary-product.js';
import { MEAN_STRIDE, type TensorPlace } from './parameter-layout.js';
import type { TrainingSetup } from './training-setup.js';

interface MatrixShape {
  readonly outputs: number;
  readonly inputs: number;
}

/** Some of the rows: a part of what is quantised, and all of what comes out. */
interface RowPart {
  readonly first: number;
  readonly rows: number;
}

export class BitLinearKernels {
  readonly #setup: TrainingSetup;
  readonly #list: KernelList;
  readonly #all: RowPart;

  constructor(setup: TrainingSetup, list: KernelList) {
    this.#setup = setup;
    this.#list = list;
    this.#all = { first: 0, rows: setup.batch.sequences * setup.batch.length };
  }

  parameter(name: string): BufferPart {
    return this.#floats(this.#setup.buffers.parameters, name);
  }

  gradient(name: string): BufferPart {
    return this.#floats(this.#setup.buffers.gradient, name);
  }

  #floats(buffer: GPUBuffer, name: string): BufferPart {
    const { offset, length } = this.#place(name);
    return { buffer, offset: 4 * offset, size: 4 * length };
  }

  #place(name: string): TensorPlace {
    const place = this.#setup.layout.places.get(name);
    if (place === undefined) throw new RangeError(`there is no tensor ${name}`);
    return place;
  }

  /** `v` through the norm of a BitLinear, behind the block's norm where that is named, into `quantised` and `stats`. */
  quantise(v: GPUBuffer, { norm }: BitLinearNames, columns: number, behind?: string): void {
    const { gpu, config, buffers } = this.#setup;
    const group = rowGroup(columns / 4, gpu.features.subgroup);
    const code = quantiseRows(columns, behind === undefined ? undefined : config.rmsNormEps, group);
    const front = behind === undefined ? [] : [this.parameter(behind)];
    const parts = [v, this.parameter(norm), buffers.quantised, buffers.stats, ...front];
    this.#list.add('quantise', code, parts, [this.#all.rows]);
  }

  /** What is quantised, times the trits, into `out`; added to `base` where there is one. */
  product(
    { weight }: BitLinearNames,
    { outputs, inputs }: MatrixShape,
    out: GPUBuffer,
    base?: GPUBuffer,
    part = this.#all,
  ): void {
    const code = ternaryProduct(part.rows, outputs, inputs, base !== undefined);
    const parts = [
      this.#quantised(inputs, part),
      this.#trits(weight),
      this.#mean(weight),
      this.#stats(part),
      out,
      ...(base ? [base] : []),
    ];
    this.#list.add('product', code, parts, ternaryProductGroups(part.rows, outputs));
  }

  /** All of a BitLinear back, whose input is quantised. @param at.adds whether `dv` is added to */
  back(
    names: BitLinearNames,
    shape: MatrixShape,
    at: { v: GPUBuffer; dOut: GPUBuffer; dv: GPUBuffer; behind?: string; adds?: boolean },
  ): void {
    this.productsBack(names, shape, at.dOut);
    this.ownNormBack(names, shape.inputs, at);
  }

  /** `dOut` → gradient of the weights, and `dNormed`. */
  productsBack({ weight }: BitLinearNames, { outputs, inputs }: MatrixShape, dOut: GPUBuffer, part = this.#all): void {
    const { partials, dNormed } = this.#setup.buffers;
    this.#list.add(
      'weights-back',
      productWeights(part.rows, outputs, inputs),
      [dOut, this.#quantised(inputs, part), this.#stats(part), partials],
      productWeightsGroups(part.rows, outputs, inputs),
    );
    this.sumPartials(outputs * inputs, rowSplits(part.rows, outputs, inputs), this.gradient(weight));
    const dInputs = { buffer: dNormed, offset: 4 * part.first * inputs, size: 4 * part.rows * inputs };
    this.#list.add(
      'inputs-back',
      productInputs(part.rows, outputs, inputs),
      [dOut, this.#trits(weight), this.#mean(weight), dInputs],
      productInputsGroups(part.rows, inputs),
    );
  }

  /** `dNormed` → gradient of a BitLinear's norm and of what it norms: `v`, or the block's norm of it. */
  ownNormBack(
    { norm }: BitLinearNames,
    columns: number,
    { v, dv, behind, adds = false }: { v: GPUBuffer; dv: GPUBuffer; behind?: string; adds?: boolean },
  ): void {
    const { dNormed, stats } = this.#setup.buffers;
    const front = behind === undefined ? [] : [this.parameter(behind)];
    this.#norm(
      { inverse: 'second', isBehindFirst: behind !== undefined, adds },
      norm,
      columns,
      [v, stats, dNormed, dv],
      front,
    );
  }

  /** Gradient of a norm of a block, `dy` → `dv`. */
  normBack(
    name: string,
    columns: number,
    {
      v,
      dy,
      dv,
      adds = false,
      stats = this.#setup.buffers.stats,
    }: { v: GPUBuffer; dy: GPUBuffer; dv: GPUBuffer; adds?: boolean; stats?: GPUBuffer },
  ): void {
    this.#norm({ inverse: 'first', isBehindFirst: false, adds }, name, columns, [v, stats, dy, dv], []);
  }

  #norm(
    kind: { readonly inverse: 'first' | 'second'; readonly isBehindFirst: boolean; readonly adds: boolean },
    name: string,
    columns: number,
    [v, stats, dy, dv]: readonly [GPUBuffer, GPUBuffer, GPUBuffer, GPUBuffer],
    front: readonly BufferPart[],
  ): void {
    const { gpu, buffers } = this.#setup;
    const { rows } = this.#all;
    const code = normBack({ rows, columns, ...kind }, rowGroup(columns / 4, gpu.features.subgroup));
    const parts = [v, this.parameter(name), stats, dy, dv, buffers.partials, ...front];
    this.#list.add('norm-back', code, parts, [normBackGroups(rows)]);
    this.sumPartials(columns, normBackGroups(rows), this.gradient(name));
  }

  sumPartials(length: number, count: number, into: BufferPart): void {
    const parts = [this.#setup.buffers.partials, into];
    this.#list.add('sum', sumPartials(length, count), parts, sumPartialsGroups(length, count));
  }

  #quantised(inputs: number, { first, rows }: RowPart): BufferPart {
    return { buffer: this.#setup.buffers.quantised, offset: first * inputs, size: rows * inputs };
  }

  #stats({ first, rows }: RowPart): BufferPart {
    return { buffer: this.#setup.buffers.stats, offset: 16 * first, size: 16 * rows };
  }

  #trits(name: string): BufferPart {
    const { offset, length } = this.#place(name);
    return { buffer: this.#setup.buffers.trits, offset, size: length };
  }

  #mean(name: string): BufferPart {
    return { buffer: this.#setup.buffers.means, offset: 4 * MEAN_STRIDE * (this.#place(name).matrix ?? 0), size: 4 };
  }
}
