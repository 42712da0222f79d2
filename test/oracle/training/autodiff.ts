/**
 * Automatic differentiation of matrices in double precision: a tape of a dozen operations, each with its derivative
 * beside it.
 */

/** A value of the tape: [rows][columns], row-major, and the gradient of the result with respect to it. */
export class Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float64Array;
  readonly gradient: Float64Array;

  constructor(rows: number, columns: number, values: Float64Array = new Float64Array(rows * columns)) {
    if (values.length !== rows * columns) throw new RangeError(`${values.length} values are not ${rows} × ${columns}`);
    this.rows = rows;
    this.columns = columns;
    this.values = values;
    this.gradient = new Float64Array(values.length);
  }
}

export class Tape {
  readonly #steps: (() => void)[] = [];

  /** The gradients of `result`, which is one number, with respect to everything that went into it. */
  differentiate(result: Matrix): void {
    if (result.values.length !== 1) throw new RangeError('only one number has a gradient');
    result.gradient[0] = 1;
    for (const step of this.#steps.toReversed()) step();
  }

  #make(rows: number, columns: number, value: (at: number) => number, back: (result: Matrix) => void): Matrix {
    const result = new Matrix(rows, columns);
    for (let at = 0; at < result.values.length; at++) result.values[at] = value(at);
    this.#steps.push(() => back(result));
    return result;
  }

  /** A row, a column or a single number serves all of the other's. */
  #pairs(a: Matrix, b: Matrix): readonly [number, number, (m: Matrix, at: number) => number] {
    const [rows, columns] = [Math.max(a.rows, b.rows), Math.max(a.columns, b.columns)];
    const place = (m: Matrix, at: number): number =>
      (m.rows === 1 ? 0 : Math.floor(at / columns)) * m.columns + (m.columns === 1 ? 0 : at % columns);
    return [rows, columns, place];
  }

  add(a: Matrix, b: Matrix): Matrix {
    const [rows, columns, place] = this.#pairs(a, b);
    return this.#make(
      rows,
      columns,
      (at) => a.values[place(a, at)]! + b.values[place(b, at)]!,
      ({ gradient }) =>
        gradient.forEach((d, at) => {
          a.gradient[place(a, at)]! += d;
          b.gradient[place(b, at)]! += d;
        }),
    );
  }

  multiply(a: Matrix, b: Matrix): Matrix {
    const [rows, columns, place] = this.#pairs(a, b);
    return this.#make(
      rows,
      columns,
      (at) => a.values[place(a, at)]! * b.values[place(b, at)]!,
      ({ gradient }) =>
        gradient.forEach((d, at) => {
          a.gradient[place(a, at)]! += d * b.values[place(b, at)]!;
          b.gradient[place(b, at)]! += d * a.values[place(a, at)]!;
        }),
    );
  }

  #each(a: Matrix, f: (x: number) => number, slope: (x: number, y: number) => number): Matrix {
    return this.#make(
      a.rows,
      a.columns,
      (at) => f(a.values[at]!),
      ({ values, gradient }) =>
        gradient.forEach((d, at) => {
          a.gradient[at]! += d * slope(a.values[at]!, values[at]!);
        }),
    );
  }

  /** factor·a + offset. */
  linear(a: Matrix, factor: number, offset = 0): Matrix {
    return this.#each(
      a,
      (x) => factor * x + offset,
      () => factor,
    );
  }

  exp(a: Matrix): Matrix {
    return this.#each(a, Math.exp, (_, y) => y);
  }

  log(a: Matrix): Matrix {
    return this.#each(a, Math.log, (x) => 1 / x);
  }

  inverse(a: Matrix): Matrix {
    return this.#each(
      a,
      (x) => 1 / x,
      (_, y) => -y * y,
    );
  }

  squareRoot(a: Matrix): Matrix {
    return this.#each(a, Math.sqrt, (_, y) => 0.5 / y);
  }

  /** [rows][columns] → [rows][1]. */
  rowSums(a: Matrix): Matrix {
    return this.#make(
      a.rows,
      1,
      (row) => a.values.subarray(row * a.columns, (row + 1) * a.columns).reduce((sum, x) => sum + x, 0),
      ({ gradient }) => a.gradient.forEach((_, at) => (a.gradient[at]! += gradient[Math.floor(at / a.columns)]!)),
    );
  }

  /** [rows][columns] → [1][columns]. */
  columnSums(a: Matrix): Matrix {
    const sums = new Float64Array(a.columns);
    a.values.forEach((x, at) => (sums[at % a.columns]! += x));
    return this.#make(
      1,
      a.columns,
      (column) => sums[column]!,
      ({ gradient }) => a.gradient.forEach((_, at) => (a.gradient[at]! += gradient[at % a.columns]!)),
    );
  }

  /** a·bᵀ: [n][k] and [m][k] → [n][m]. */
  product(a: Matrix, b: Matrix): Matrix {
    const { columns: k } = a;
    return this.#make(
      a.rows,
      b.rows,
      (at) => {
        const [x, y] = [Math.floor(at / b.rows) * k, (at % b.rows) * k];
        let sum = 0;
        for (let j = 0; j < k; j++) sum += a.values[x + j]! * b.values[y + j]!;
        return sum;
      },
      ({ gradient }) =>
        gradient.forEach((d, at) => {
          const [x, y] = [Math.floor(at / b.rows) * k, (at % b.rows) * k];
          for (let j = 0; j < k; j++) {
            a.gradient[x + j]! += d * b.values[y + j]!;
            b.gradient[y + j]! += d * a.values[x + j]!;
          }
        }),
    );
  }

  /** The elements of `a` at `places`, as [rows][columns]. */
  pick(a: Matrix, rows: number, columns: number, places: ArrayLike<number>): Matrix {
    return this.#make(
      rows,
      columns,
      (at) => a.values[places[at]!]!,
      ({ gradient }) => gradient.forEach((d, at) => (a.gradient[places[at]!]! += d)),
    );
  }

  /** Rows of several matrices, one matrix below the other. */
  stack(parts: readonly Matrix[]): Matrix {
    const columns = parts[0]!.columns;
    const all = parts.flatMap((part) => Array.from(part.values, (_, at) => [part, at] as const));
    return this.#make(
      all.length / columns,
      columns,
      (at) => all[at]![0].values[all[at]![1]]!,
      ({ gradient }) => gradient.forEach((d, at) => (all[at]![0].gradient[all[at]![1]]! += d)),
    );
  }

  /** Straight through: other values, and the gradient of the identity. */
  replaced(a: Matrix, values: Float64Array): Matrix {
    return this.#make(
      a.rows,
      a.columns,
      (at) => values[at]!,
      ({ gradient }) => gradient.forEach((d, at) => (a.gradient[at]! += d)),
    );
  }
}
