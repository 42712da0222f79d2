/**
 * The published model in double precision, written from its description and differentiated automatically: what training
 * is compared with. It shares no code with the product.
 */
import { Matrix, Tape } from './autodiff.js';

export interface TwinShape {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly vocabSize: number;
  readonly rmsNormEps: number;
  readonly useLowerBound: boolean;
}

/** The integers of one BitLinear: what somebody else rounded to. */
export interface TwinIntegers {
  /** [rows][inputs] */
  readonly activations: ArrayLike<number>;
  /** [outputs][inputs] */
  readonly trits: ArrayLike<number>;
}

export interface TwinOptions {
  /** ε of BitLinear's own norm; 1e-8 in the published unfused code. */
  readonly bitLinearEps?: number;
  /** By the name of the weight: taken instead of the own roundings, from which they may be one step away. */
  readonly integers?: (weight: string) => TwinIntegers;
}

/** @param ids [sequences][length] */
export function twinGradients(
  shape: TwinShape,
  parameters: ReadonlyMap<string, ArrayLike<number>>,
  ids: readonly number[],
  length: number,
  options: TwinOptions = {},
): { readonly loss: number; readonly gradients: ReadonlyMap<string, Float64Array> } {
  const twin = new Twin(shape, parameters, options);
  const loss = twin.loss(ids, length);
  twin.tape.differentiate(loss);
  const gradients = new Map([...twin.leaves].map(([name, leaf]) => [name, leaf.gradient]));
  return { loss: loss.values[0]!, gradients };
}

class Twin {
  readonly tape = new Tape();
  readonly leaves: ReadonlyMap<string, Matrix>;
  readonly #shape: TwinShape;
  readonly #options: TwinOptions;

  constructor(shape: TwinShape, parameters: ReadonlyMap<string, ArrayLike<number>>, options: TwinOptions) {
    this.#shape = shape;
    this.#options = options;
    const columnsOf = (name: string, size: number): number => {
      if (name.endsWith('norm.weight')) return size;
      return name.includes('down_proj') ? shape.intermediateSize : shape.hiddenSize;
    };
    this.leaves = new Map(
      [...parameters].map(([name, values]) => {
        const columns = columnsOf(name, values.length);
        return [name, new Matrix(values.length / columns, columns, Float64Array.from(values))];
      }),
    );
  }

  loss(ids: readonly number[], length: number): Matrix {
    const { tape } = this;
    const { hiddenSize: h, layers, vocabSize } = this.#shape;
    let x = tape.pick(this.#leaf('model.embeddings'), ids.length, h, places(ids, h));
    const bounds = this.#lowerBounds();
    for (let l = 0; l < layers; l++) x = this.#block(`model.layers.${l}`, x, bounds[l], length);
    const logits = this.#bitLinear(this.#norm(x, 'model.norm', this.#shape.rmsNormEps), 'lm_head');
    // Rows that have a next token.
    const rows = ids.map((_, n) => n).filter((n) => n % length < length - 1);
    const asked = tape.pick(logits, rows.length, vocabSize, places(rows, vocabSize));
    const highest = Float64Array.from(rows, (_, at) =>
      asked.values.subarray(at * vocabSize, (at + 1) * vocabSize).reduce((most, value) => Math.max(most, value)),
    );
    const shifted = tape.add(
      asked,
      new Matrix(
        rows.length,
        1,
        highest.map((value) => -value),
      ),
    );
    const normaliser = tape.log(tape.rowSums(tape.exp(shifted)));
    const targets = rows.map((n, at) => at * vocabSize + ids[n + 1]!);
    const right = tape.pick(shifted, rows.length, 1, targets);
    const losses = tape.add(normaliser, tape.linear(right, -1));
    return tape.linear(tape.columnSums(losses), 1 / rows.length);
  }

  #block(name: string, x: Matrix, bound: Matrix | undefined, length: number): Matrix {
    const { tape } = this;
    const { intermediateSize, rmsNormEps: eps } = this.#shape;
    const n = this.#norm(x, `${name}.attn_norm`, eps);
    const i = this.#bitLinear(n, `${name}.attn.i_proj`);
    const g = this.#bitLinear(n, `${name}.attn.g_proj`);
    let f = this.#sigmoid(this.#bitLinear(n, `${name}.attn.f_proj`));
    if (bound) f = tape.add(bound, tape.multiply(tape.linear(bound, -1, 1), f));
    const h = this.#scan(f, tape.multiply(this.#silu(i), tape.linear(f, -1, 1)), length);
    const o = tape.multiply(this.#norm(g, `${name}.attn.g_norm`, eps), this.#silu(h));
    const middle = tape.add(x, this.#bitLinear(o, `${name}.attn.o_proj`));
    const u = this.#bitLinear(this.#norm(middle, `${name}.mlp_norm`, eps), `${name}.mlp.gate_proj`);
    const half = (offset: number): Matrix =>
      tape.pick(u, u.rows, intermediateSize, rectangle(u.rows, intermediateSize, u.columns, offset));
    const z = tape.multiply(this.#silu(half(0)), half(intermediateSize));
    return tape.add(middle, this.#bitLinear(z, `${name}.mlp.down_proj`));
  }

  /** h_t = f·h_{t−1} + s of each sequence. */
  #scan(f: Matrix, s: Matrix, length: number): Matrix {
    const { tape } = this;
    const width = f.columns;
    const states: Matrix[] = [];
    for (let n = 0; n < f.rows; n++) {
      const row = (m: Matrix): Matrix => tape.pick(m, 1, width, rectangle(1, width, width, n * width));
      const before = states[n - 1];
      states.push(n % length === 0 || !before ? row(s) : tape.add(tape.multiply(row(f), before), row(s)));
    }
    return tape.stack(states);
  }

  /** Per layer; none for the first. */
  #lowerBounds(): readonly (Matrix | undefined)[] {
    const { tape } = this;
    const { layers, hiddenSize, useLowerBound } = this.#shape;
    if (!useLowerBound) return [];
    const exponentials = tape.exp(this.#leaf('model.lower_bounds', ''));
    const shares = tape.multiply(exponentials, tape.inverse(tape.columnSums(exponentials)));
    const bounds: (Matrix | undefined)[] = [undefined];
    for (let l = 1; l < layers; l++) {
      const share = tape.pick(shares, 1, hiddenSize, rectangle(1, hiddenSize, hiddenSize, l * hiddenSize));
      const before = bounds[l - 1];
      bounds.push(before ? tape.add(before, share) : share);
    }
    return bounds;
  }

  #norm(v: Matrix, name: string, eps: number): Matrix {
    const { tape } = this;
    const meanSquare = tape.linear(tape.rowSums(tape.multiply(v, v)), 1 / v.columns, eps);
    return tape.multiply(tape.multiply(v, tape.inverse(tape.squareRoot(meanSquare))), this.#leaf(name));
  }

  #bitLinear(v: Matrix, name: string): Matrix {
    const { tape } = this;
    const { bitLinearEps = 1e-6, integers } = this.#options;
    const y = this.#norm(v, `${name}.norm`, bitLinearEps);
    const weight = this.#leaf(name);
    const given = integers?.(`${name}.weight`);
    const step = (at: number): number => {
      const row = y.values.subarray(at - (at % y.columns), at - (at % y.columns) + y.columns);
      return row.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-5) / 127;
    };
    const steps = Float64Array.from({ length: y.rows }, (_, row) => step(row * y.columns));
    const quantised = y.values.map((value, at) => {
      const size = steps[Math.floor(at / y.columns)]!;
      return size * rounded(`${name}, activation ${at}`, value / size, given?.activations[at]);
    });
    const mean = Math.max(weight.values.reduce((sum, value) => sum + Math.abs(value), 0) / weight.values.length, 1e-5);
    const ternary = weight.values.map((value, at) => {
      return mean * rounded(`${name}, trit ${at}`, Math.max(-1, Math.min(1, value / mean)), given?.trits[at]);
    });
    return tape.product(tape.replaced(y, quantised), tape.replaced(weight, ternary));
  }

  #sigmoid(a: Matrix): Matrix {
    return this.tape.inverse(this.tape.linear(this.tape.exp(this.tape.linear(a, -1)), 1, 1));
  }

  #silu(a: Matrix): Matrix {
    return this.tape.multiply(a, this.#sigmoid(a));
  }

  #leaf(name: string, ending = '.weight'): Matrix {
    return this.leaves.get(`${name}${ending}`)!;
  }
}

/** The nearest integer, ties to even, or the given one, which must be a neighbour of the exact value. */
function rounded(what: string, exact: number, given: number | undefined): number {
  if (given === undefined) {
    const floor = Math.floor(exact);
    return exact - floor === 0.5 ? floor + (floor & 1) : Math.round(exact);
  }
  if (!(Math.abs(exact - given) < 1)) throw new RangeError(`${what} is ${exact}, but was rounded to ${given}`);
  return given;
}

/** Places of whole rows. */
function places(rows: readonly number[], columns: number): number[] {
  return rows.flatMap((row) => Array.from({ length: columns }, (_, k) => row * columns + k));
}

/** Places of a rectangle of a matrix that is `stride` wide. */
function rectangle(rows: number, columns: number, stride: number, offset: number): number[] {
  return Array.from({ length: rows * columns }, (_, at) => offset + Math.floor(at / columns) * stride + (at % columns));
}
