/** RMSNorm over rows, in double precision: y = v·r·w with r = 1/√(mean(v²) + ε); docs/TRAINING.md, section 2. */

/** What the way back needs of the way forth. */
export interface NormedRows {
  /** [rows][width] */
  readonly values: Float64Array;
  /** [rows] r of each row. */
  readonly inverse: Float64Array;
}

/** @param v [rows][width] @param weight [width] */
export function normRows(v: Float64Array, weight: Float64Array, eps: number): NormedRows {
  const width = weight.length;
  const rows = v.length / width;
  const values = new Float64Array(v.length);
  const inverse = new Float64Array(rows);
  for (let n = 0; n < rows; n++) {
    let squares = 0;
    for (let k = n * width; k < (n + 1) * width; k++) squares += v[k] * v[k];
    inverse[n] = 1 / Math.sqrt(squares / width + eps);
    for (let k = 0; k < width; k++) values[n * width + k] = v[n * width + k] * inverse[n] * weight[k];
  }
  return { values, inverse };
}

/**
 * dv = r·(w·dy − v·r²·mean(v·w·dy)), dw = Σ dy·v·r.
 *
 * @param dy [rows][width]
 * @param dv [rows][width] to which the gradient is added
 * @param dw [width] to which the gradient is added
 */
export function normRowsBack(
  { v, weight, inverse }: { readonly v: Float64Array; readonly weight: Float64Array; readonly inverse: Float64Array },
  dy: Float64Array,
  dv: Float64Array,
  dw: Float64Array,
): void {
  const width = weight.length;
  for (let n = 0; n < inverse.length; n++) {
    const r = inverse[n];
    let mean = 0;
    for (let k = 0; k < width; k++) mean += v[n * width + k] * weight[k] * dy[n * width + k];
    mean /= width;
    for (let k = 0; k < width; k++) {
      const at = n * width + k;
      dv[at] += r * (weight[k] * dy[at] - v[at] * r * r * mean);
      dw[k] += dy[at] * v[at] * r;
    }
  }
}
