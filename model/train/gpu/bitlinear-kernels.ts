/**
 * The kernels of BitLinears and norms, forth and back, on the buffers of a run (docs/TRAINING.md, sections 2 and 3).
 */
import type { BufferPart, GpuDevice } from '../../backends/gpu/device/gpu-device.js';
import type { BitLinearNames } from '../../checkpoint/tensor-names.js';
import type { ModelConfig } from '../../config.js';
import type { KernelList } from './kernel-list.js';
import { halve, halvesGroups, largest, TOP_STRIDE } from './kernels/halves.js';
import { normBack, normBackGroups } from './kernels/norm-back.js';
import { quantiseRows } from './kernels/quantise-rows.js';
import { rowGroup } from './kernels/reduce-rows.js';
import { sumPartials, sumPartialsGroups } from './kernels/sum-partials.js';
import type { MatrixTile } from './matrix/matrix-product.js';
import type { ProductKind, TileOf } from './matrix/products.js';
import { MEAN_STRIDE, type ParameterLayout, type TensorPlace } from './parameter-layout.js';
import { productKernel } from './product-kernel.js';
import type { BatchShape, TrainingBuffers } from './training-buffers.js';

export interface MatrixShape {
  readonly outputs: number;
  readonly inputs: number;
}

/** Some of the rows: a part of what is quantised, and all of what comes out. */
export interface RowPart {
  readonly first: number;
  readonly rows: number;
}

/** What the kernels of BitLinears and norms are made for. */
export interface BitLinearSetup {
  readonly gpu: GpuDevice;
  readonly config: Pick<ModelConfig, 'rmsNormEps'>;
  readonly layout: ParameterLayout;
  readonly batch: BatchShape;
  readonly buffers: Pick<
    TrainingBuffers,
    | 'parameters'
    | 'gradient'
    | 'trits'
    | 'tritHalves'
    | 'means'
    | 'quantised'
    | 'normedHalves'
    | 'stats'
    | 'halves'
    | 'tops'
    | 'dNormed'
    | 'partials'
  >;
  readonly tileOf: TileOf;
}

/** What is bound: all of a buffer or a part. */
export type Bound = BufferPart | GPUBuffer;

export class BitLinearKernels {
  readonly #setup: BitLinearSetup;
  readonly #list: KernelList;
  readonly #all: RowPart;
  /** How many gradients became halves so far: each has a place of its own for its largest. */
  #halved = 0;

  constructor(setup: BitLinearSetup, list: KernelList) {
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

  /**
   * `v` through the norm of a BitLinear, behind the block's norm where that is named, into `quantised` and `stats`.
   *
   * @param options.form int8, or halves for the gradient of the weights
   */
  quantise(
    v: Bound,
    { norm }: BitLinearNames,
    columns: number,
    { behind, form = 'int8' }: { readonly behind?: string; readonly form?: 'int8' | 'half' } = {},
  ): void {
    const { gpu, config, buffers } = this.#setup;
    const group = rowGroup(columns / 4, gpu.features.subgroup);
    const code = quantiseRows(columns, behind === undefined ? undefined : config.rmsNormEps, group, form);
    const front = behind === undefined ? [] : [this.parameter(behind)];
    const into = form === 'half' ? buffers.normedHalves : buffers.quantised;
    const parts = [v, this.parameter(norm), into, buffers.stats, ...front];
    this.#list.add('quantise', code, parts, [this.#all.rows]);
  }

  /** What is quantised, times the trits, into `out`; added to `base` where there is one. */
  product({ weight }: BitLinearNames, shape: MatrixShape, out: Bound, base?: Bound, part = this.#all): void {
    const tile = this.#tile('product', shape, part);
    const { code, groups } = productKernel({ kind: 'product', rows: part.rows, ...shape }, tile, base !== undefined);
    const parts = [
      this.#quantised(shape.inputs, part),
      this.#trits(weight),
      this.mean(weight),
      this.#stats(part),
      out,
      ...(base ? [base] : []),
    ];
    this.#list.add('product', code, parts, groups);
  }

  /** All of a BitLinear back, whose input is quantised. @param at.adds whether `dv` is added to */
  back(
    names: BitLinearNames,
    shape: MatrixShape,
    at: { v: Bound; dOut: Bound; dv: Bound; behind?: string; adds?: boolean },
  ): void {
    const isTiled = (kind: ProductKind): boolean => this.#tile(kind, shape, this.#all) !== undefined;
    const wantsHalves = isTiled('weights-back') || isTiled('inputs-back');
    const top = wantsHalves ? this.#halve(at.dOut, this.#all.rows * shape.outputs) : undefined;
    this.productsBack(names, shape, at.dOut, this.#all, top);
    this.ownNormBack(names, shape.inputs, at);
  }

  /** In which form the gradient of the weights takes what was quantised. */
  formForBack(shape: MatrixShape): 'int8' | 'half' {
    return this.#tile('weights-back', shape, this.#all) ? 'half' : 'int8';
  }

  /** Whether both products back take their gradients in halves. */
  takesHalvesOnly(shape: MatrixShape, part: RowPart): boolean {
    return (
      this.#tile('weights-back', shape, part) !== undefined && this.#tile('inputs-back', shape, part) !== undefined
    );
  }

  /** `values` into `halves`. @returns where the bits of their largest are */
  #halve(values: Bound, length: number): BufferPart {
    const { halves, tops } = this.#setup.buffers;
    const top = { buffer: tops, offset: 4 * TOP_STRIDE * this.#halved++, size: 4 };
    this.#list.add('halve', largest(length), [values, top], [halvesGroups(length)]);
    this.#list.add('halve', halve(length), [values, top, halves], [halvesGroups(length)]);
    return top;
  }

  /**
   * `dOut` → gradient of the weights, and `dNormed`.
   *
   * @param top of `halves`, which hold the same as `dOut`, if any product wants them
   */
  productsBack(
    { weight }: BitLinearNames,
    shape: MatrixShape,
    dOut: Bound,
    part: RowPart,
    top: BufferPart | undefined,
  ): void {
    const { outputs, inputs } = shape;
    const { rows } = part;
    const { partials, dNormed, halves } = this.#setup.buffers;
    const weightsTile = top && this.#tile('weights-back', shape, part);
    const weights = productKernel({ kind: 'weights-back', rows, ...shape }, weightsTile);
    const weightsFrom =
      top && weightsTile
        ? [halves, this.#normedHalves(inputs, part), top]
        : [dOut, this.#quantised(inputs, part), this.#stats(part)];
    this.#list.add('weights-back', weights.code, [...weightsFrom, partials], weights.groups);
    this.sumPartials(outputs * inputs, weights.splits, this.gradient(weight));
    const inputsTile = top && this.#tile('inputs-back', shape, part);
    const { code, groups } = productKernel({ kind: 'inputs-back', rows, ...shape }, inputsTile);
    const inputsFrom =
      top && inputsTile
        ? [halves, this.#tritHalves(weight), this.mean(weight), top]
        : [dOut, this.#trits(weight), this.mean(weight)];
    const dInputs = { buffer: dNormed, offset: 4 * part.first * inputs, size: 4 * rows * inputs };
    this.#list.add('inputs-back', code, [...inputsFrom, dInputs], groups);
  }

  #tile(kind: ProductKind, { outputs, inputs }: MatrixShape, { rows }: RowPart): MatrixTile | undefined {
    return this.#setup.tileOf({ kind, rows, outputs, inputs });
  }

  /** `dNormed` → gradient of a BitLinear's norm and of what it norms: `v`, or the block's norm of it. */
  ownNormBack(
    { norm }: BitLinearNames,
    columns: number,
    { v, dv, behind, adds = false }: { v: Bound; dv: Bound; behind?: string; adds?: boolean },
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
    [v, stats, dy, dv]: readonly [Bound, GPUBuffer, GPUBuffer, Bound],
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

  #normedHalves(inputs: number, { first, rows }: RowPart): BufferPart {
    return { buffer: this.#setup.buffers.normedHalves, offset: 2 * first * inputs, size: 2 * rows * inputs };
  }

  #stats({ first, rows }: RowPart): BufferPart {
    return { buffer: this.#setup.buffers.stats, offset: 16 * first, size: 16 * rows };
  }

  #trits(name: string): BufferPart {
    const { offset, length } = this.#place(name);
    return { buffer: this.#setup.buffers.trits, offset, size: length };
  }

  #tritHalves(name: string): BufferPart {
    const { offset, length } = this.#place(name);
    return { buffer: this.#setup.buffers.tritHalves, offset: 2 * offset, size: 2 * length };
  }

  mean(name: string): BufferPart {
    return { buffer: this.#setup.buffers.means, offset: 4 * MEAN_STRIDE * (this.#place(name).matrix ?? 0), size: 4 };
  }
}
