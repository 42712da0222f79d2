/**
 * BitLinears and norms as PyTorch runs the published unfused code: each step of a formula a kernel of its own, and kept
 * for the way back what its autograd keeps: normed inputs, what they are quantised to, quantised weights. Only there to
 * be compared with (docs/TRAINING.md, section 8).
 *
 * Steps that are the same are the kernels of training: means of weights, ways back on matrix units, sums of splits.
 */
import type { BitLinearNames } from '../../../checkpoint/tensor-names.js';
import {
  BitLinearKernels,
  type BitLinearSetup,
  type Bound,
  type MatrixShape,
  type RowPart,
} from '../bitlinear-kernels.js';
import type { KernelList } from '../kernel-list.js';
import { halve, halvesGroups, largest } from '../kernels/halves.js';
import { normBackGroups } from '../kernels/norm-back.js';
import { rowGroup } from '../kernels/reduce-rows.js';
import type { MatrixTile } from '../matrix/matrix-product.js';
import type { ProductKind, ProductShape, TileOf } from '../matrix/products.js';
import { fitsForth, floatProduct } from './float-products.js';
import type { Scratch } from './scratch.js';
import {
  overColumns,
  overColumnsGroups,
  overRows,
  overRowsGroups,
  step,
  stepGroups,
  zero,
  type Extent,
  type Step,
} from './step-kernels.js';

const BITLINEAR_EPS = 1e-6;

/** What the way back of a norm takes. */
interface Normed {
  /** v·r */
  readonly hat: GPUBuffer;
  /** [rows] */
  readonly r: GPUBuffer;
}

/** Of a norm that BitLinears are behind. */
interface NormedBlock extends Normed {
  readonly y: GPUBuffer;
}

/** Of a BitLinear. Half floats where its products go through matrix units. */
interface Kept extends Normed {
  readonly quantised: GPUBuffer;
  weights?: GPUBuffer;
  dQuantised?: GPUBuffer;
}

type Shape = Pick<Step, 'rows' | 'columns'>;

export interface UnfusedOptions {
  readonly scratch: Scratch;
  /** All products of the model, and how they go through matrix units. */
  readonly products: readonly ProductShape[];
  readonly tileOf: TileOf;
}

export class UnfusedBitLinears extends BitLinearKernels {
  readonly #setup: BitLinearSetup;
  readonly #list: KernelList;
  readonly #options: UnfusedOptions;
  readonly #scratch: Scratch;
  readonly #all: RowPart;
  /** By the names of weights. */
  readonly #kept = new Map<string, Kept>();
  /** By the names of gains. */
  readonly #blocks = new Map<string, NormedBlock>();
  /** Bits of the largest gradient, and the mean that a weight has already been multiplied with. */
  readonly #top: GPUBuffer;
  readonly #one: GPUBuffer;

  constructor(setup: BitLinearSetup, list: KernelList, options: UnfusedOptions) {
    super(setup, list);
    this.#setup = setup;
    this.#list = list;
    this.#options = options;
    this.#scratch = options.scratch;
    this.#all = { first: 0, rows: setup.batch.sequences * setup.batch.length };
    this.#top = this.#scratch.take(4);
    this.#one = this.#scratch.filled(Float32Array.of(1));
  }

  /** On the way back everything is there. */
  override quantise(
    v: Bound,
    { norm, weight }: BitLinearNames,
    columns: number,
    { behind }: { readonly behind?: string } = {},
  ): void {
    if (this.#kept.has(weight)) return;
    const shape = { rows: this.#all.rows, columns };
    const x = behind === undefined ? v : this.#block(v, behind, shape).y;
    const { y, ...normed } = this.#norm(x, norm, BITLINEAR_EPS, shape);
    const outputs = this.parameter(weight).size! / 4 / columns;
    const quantised = this.#quantised(y, shape, this.#isTiled({ outputs, inputs: columns }));
    this.#kept.set(weight, { ...normed, quantised });
  }

  override product(
    { weight }: BitLinearNames,
    shape: MatrixShape,
    out: Bound,
    base?: Bound,
    part: RowPart = this.#all,
  ): void {
    const kept = this.#kept.get(weight)!;
    kept.weights ??= this.#ternary(weight, shape);
    const { code, groups } = floatProduct(
      { kind: 'product', ...shape, rows: part.rows },
      this.#tile('product', shape, part),
    );
    const into = base ? this.#scratch.take(4 * part.rows * shape.outputs) : out;
    this.#list.add('product', code, [this.#some(kept.quantised, shape, part), kept.weights, into], groups);
    if (!base) return;
    this.#into(out, { rows: part.rows, columns: shape.outputs }, 'a + b', [into, base]);
    this.#scratch.giveBack(into as GPUBuffer);
  }

  override back(
    names: BitLinearNames,
    shape: MatrixShape,
    at: { v: Bound; dOut: Bound; dv: Bound; behind?: string; adds?: boolean },
  ): void {
    this.productsBack(names, shape, at.dOut, this.#all);
    this.ownNormBack(names, shape.inputs, at);
  }

  override formForBack(): 'int8' {
    return 'int8';
  }

  override takesHalvesOnly(): boolean {
    return false;
  }

  override productsBack({ weight }: BitLinearNames, shape: MatrixShape, dOut: Bound, part: RowPart): void {
    const kept = this.#kept.get(weight)!;
    const { outputs, inputs } = shape;
    const { rows } = part;
    kept.dQuantised ??= this.#scratch.take(4 * this.#all.rows * inputs);
    const dInputs = { buffer: kept.dQuantised, offset: 4 * part.first * inputs, size: 4 * rows * inputs };
    const isTiled = this.#isTiled(shape);
    const given = isTiled ? this.#halved(dOut, rows * outputs) : dOut;
    const scale = isTiled ? [this.#top] : [];
    const weights = floatProduct({ kind: 'weights-back', rows, ...shape }, this.#tile('weights-back', shape, part));
    const quantised = this.#some(kept.quantised, shape, part);
    const { partials } = this.#setup.buffers;
    this.#list.add('weights-back', weights.code, [given, quantised, ...scale, partials], weights.groups);
    this.sumPartials(outputs * inputs, weights.splits, this.gradient(weight));
    const back = floatProduct({ kind: 'inputs-back', rows, ...shape }, this.#tile('inputs-back', shape, part));
    const factors = [given, kept.weights!, ...(isTiled ? [this.#one, this.#top] : [])];
    this.#list.add('inputs-back', back.code, [...factors, dInputs], back.groups);
    if (isTiled) this.#scratch.giveBack(given as GPUBuffer);
  }

  override ownNormBack(
    { norm, weight }: BitLinearNames,
    columns: number,
    { v, dv, behind, adds = false }: { v: Bound; dv: Bound; behind?: string; adds?: boolean },
  ): void {
    const { quantised, weights, dQuantised, ...normed } = this.#kept.get(weight)!;
    this.#kept.delete(weight);
    this.#scratch.giveBack(quantised, weights!);
    const x = behind === undefined ? v : this.#blocks.get(behind)!.y;
    this.#normBack(norm, { rows: this.#all.rows, columns }, { x, ...normed, dy: dQuantised!, dv, adds });
    this.#scratch.giveBack(dQuantised!);
  }

  override normBack(
    name: string,
    columns: number,
    at: { v: GPUBuffer; dy: GPUBuffer; dv: GPUBuffer; adds?: boolean; stats?: GPUBuffer },
  ): void {
    const block = this.#blocks.get(name);
    if (block === undefined) {
      super.normBack(name, columns, at);
      return;
    }
    this.#blocks.delete(name);
    const { v, dy, dv, adds = false } = at;
    this.#normBack(name, { rows: this.#all.rows, columns }, { x: v, hat: block.hat, r: block.r, dy, dv, adds });
    this.#scratch.giveBack(block.y);
  }

  /** The norm of a block, once for all BitLinears behind it. */
  #block(v: Bound, name: string, shape: Shape): NormedBlock {
    const block = this.#blocks.get(name) ?? this.#norm(v, name, this.#setup.config.rmsNormEps, shape);
    this.#blocks.set(name, block);
    return block;
  }

  #norm(x: Bound, gain: string, eps: number, shape: Shape): NormedBlock {
    const squares = this.#step(shape, 'a * a', [x]);
    const r = this.#overRows(squares, shape, 'sum', `1.0 / sqrt(total / ${shape.columns}.0 + ${eps.toExponential()})`);
    this.#scratch.giveBack(squares);
    const hat = this.#step(shape, 'a * b', [x, r], ['element', 'row']);
    const y = this.#step(shape, 'a * b', [hat, this.parameter(gain)], ['element', 'column']);
    return { hat, r, y };
  }

  /**
   * y + (round(y·s)/s − y), and y is given back. The graph of the difference holds what led to it until it is detached.
   */
  #quantised(y: GPUBuffer, shape: Shape, inHalves: boolean): GPUBuffer {
    const magnitudes = this.#step(shape, 'abs(a)', [y]);
    const scale = this.#overRows(magnitudes, shape, 'largest', '127.0 / max(total, 1e-5)');
    this.#scratch.giveBack(magnitudes);
    const scaled = this.#step(shape, 'a * b', [y, scale], ['element', 'row']);
    const rounded = this.#step(shape, 'round(a)', [scaled]);
    this.#scratch.giveBack(scaled);
    const clamped = this.#step(shape, 'clamp(a, vec4(-128.0), vec4(127.0))', [rounded]);
    const quotient = this.#step(shape, 'a / b', [clamped, scale], ['element', 'row']);
    const difference = this.#step(shape, 'a - b', [quotient, y]);
    this.#scratch.giveBack(rounded, clamped, quotient, scale);
    const quantised = this.#step(shape, 'a + b', [y, difference]);
    this.#scratch.giveBack(difference, y);
    return inHalves ? this.#cast(quantised, shape) : quantised;
  }

  /** W + (clamp(round(W/m))·m − W) */
  #ternary(name: string, { outputs, inputs }: MatrixShape): GPUBuffer {
    const shape = { rows: outputs, columns: inputs };
    const w = this.parameter(name);
    const mean = this.mean(name);
    const scaled = this.#step(shape, 'a * (1.0 / b)', [w, mean], ['element', 'whole']);
    const rounded = this.#step(shape, 'round(a)', [scaled]);
    this.#scratch.giveBack(scaled);
    const clamped = this.#step(shape, 'clamp(a, vec4(-1.0), vec4(1.0))', [rounded]);
    const quotient = this.#step(shape, 'a * b', [clamped, mean], ['element', 'whole']);
    const difference = this.#step(shape, 'a - b', [quotient, w]);
    this.#scratch.giveBack(rounded, clamped, quotient);
    const weights = this.#step(shape, 'a + b', [w, difference]);
    this.#scratch.giveBack(difference);
    return this.#isTiled({ outputs, inputs }) ? this.#cast(weights, shape) : weights;
  }

  /** dy → gradient of the gain, and dv = dŷ·r − x·r³·mean(dŷ·x); `hat` and `r` are given back. */
  #normBack(
    gain: string,
    shape: Shape,
    { x, hat, r, dy, dv, adds }: Normed & { x: Bound; dy: GPUBuffer; dv: Bound; adds: boolean },
  ): void {
    const { partials } = this.#setup.buffers;
    const products = this.#step(shape, 'a * b', [dy, hat]);
    this.#list.add('norm-back', overColumns(shape), [products, partials], overColumnsGroups(shape));
    this.sumPartials(shape.columns, normBackGroups(shape.rows), this.gradient(gain));
    this.#scratch.giveBack(products);
    const dHat = this.#step(shape, 'a * b', [dy, this.parameter(gain)], ['element', 'column']);
    this.#scratch.giveBack(hat);
    const along = this.#step(shape, 'a * b', [dHat, x]);
    const mean = this.#overRows(along, shape, 'sum', `total / ${shape.columns}.0`);
    this.#scratch.giveBack(along);
    const direct = this.#step(shape, 'a * b', [dHat, r], ['element', 'row']);
    this.#scratch.giveBack(dHat);
    const through = this.#step(shape, 'a * (b * c * c * c)', [x, mean, r], ['element', 'row', 'row']);
    this.#scratch.giveBack(mean, r);
    this.#into(dv, shape, 'a - b', [direct, through], undefined, adds ? 'add' : 'write');
    this.#scratch.giveBack(direct, through);
  }

  /** As half floats, and `values` is given back. */
  #cast(values: GPUBuffer, shape: Shape): GPUBuffer {
    const halves = this.#scratch.take(2 * shape.rows * shape.columns);
    this.#into(halves, shape, 'a', [values], undefined, 'half');
    this.#scratch.giveBack(values);
    return halves;
  }

  /** A gradient in half floats, by the power of two in `top`. */
  #halved(values: Bound, length: number): GPUBuffer {
    const halves = this.#scratch.take(2 * length);
    this.#list.add('halve', zero(), [this.#top], [1]);
    this.#list.add('halve', largest(length), [values, this.#top], [halvesGroups(length)]);
    this.#list.add('halve', halve(length), [values, this.#top, halves], [halvesGroups(length)]);
    return halves;
  }

  #step(shape: Shape, value: string, from: readonly Bound[], extents?: readonly Extent[]): GPUBuffer {
    const out = this.#scratch.take(4 * shape.rows * shape.columns);
    this.#into(out, shape, value, from, extents);
    return out;
  }

  #into(
    out: Bound,
    shape: Shape,
    value: string,
    from: readonly Bound[],
    operands: readonly Extent[] = from.map(() => 'element'),
    target: Step['target'] = 'write',
  ): void {
    const groups = [stepGroups(shape.rows, shape.columns)] as const;
    this.#list.add('step', step({ ...shape, operands, value, target }), [...from, out], groups);
  }

  #overRows(from: GPUBuffer, shape: Shape, what: 'sum' | 'largest', value: string): GPUBuffer {
    const out = this.#scratch.take(4 * shape.rows);
    const group = rowGroup(shape.columns / 4, this.#setup.gpu.features.subgroup);
    this.#list.add('step', overRows(shape, what, value, group), [from, out], [overRowsGroups(shape.rows)]);
    return out;
  }

  /** Rows of what a BitLinear multiplies. */
  #some(quantised: GPUBuffer, shape: MatrixShape, { first, rows }: RowPart): Bound {
    const bytes = (this.#isTiled(shape) ? 2 : 4) * shape.inputs;
    return { buffer: quantised, offset: bytes * first, size: bytes * rows };
  }

  /** Whether all products of a matrix go through matrix units. */
  #isTiled({ outputs, inputs }: MatrixShape): boolean {
    const { products, tileOf } = this.#options;
    const back = products.filter((of) => of.kind !== 'product' && of.outputs === outputs && of.inputs === inputs);
    return (
      back.length > 0 &&
      back.every((product) => {
        const tile = tileOf(product);
        return tile !== undefined && fitsForth(product, tile);
      })
    );
  }

  /** The way forth takes that of the gradient of what goes in. */
  #tile(kind: ProductKind, shape: MatrixShape, { rows }: RowPart): MatrixTile | undefined {
    if (!this.#isTiled(shape)) return undefined;
    return this.#options.tileOf({ kind: kind === 'product' ? 'inputs-back' : kind, rows, ...shape });
  }
}
