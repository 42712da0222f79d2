/**
 * BitLinear over rows, forth and back, in double precision (docs/TRAINING.md, section 3): out = (Σ t·q)·m/s of the
 * rows' own norm.
 *
 * Straight-through: both roundings and clamps count as the identity, both scales as constants. So the gradient of the
 * input meets the trits times m, and that of the latent weights the int8 activations divided by s.
 */
import { roundHalfEven } from '../../round-half-even.js';
import { normRows, normRowsBack } from './norm.js';

/** ε of BitLinear's own norm: the fused kernel's default. */
const EPS = 1e-6;
const MIN_ABSMAX = 1e-5;
const MIN_MEAN = 1e-5;

/** Parameters of one BitLinear. */
export interface Linear {
  /** [outputs][inputs], latent. */
  readonly weight: Float64Array;
  /** [inputs] */
  readonly norm: Float64Array;
}

/** One pass of rows through a BitLinear. */
export interface LinearPass {
  readonly input: Float64Array;
  readonly inverse: Float64Array;
  /** [rows][inputs] q/s. */
  readonly quantised: Float64Array;
  /** [outputs][inputs] t·m. */
  readonly ternary: Float64Array;
  /** [rows][outputs] */
  readonly output: Float64Array;
}

/** @param input [rows][inputs] */
export function linearRows(input: Float64Array, { weight, norm }: Linear): LinearPass {
  const inputs = norm.length;
  const outputs = weight.length / inputs;
  const rows = input.length / inputs;
  const { values, inverse } = normRows(input, norm, EPS);
  const quantised = quantisedRows(values, inputs);
  const ternary = ternaryWeights(weight);
  const output = new Float64Array(rows * outputs);
  for (let n = 0; n < rows; n++) {
    for (let r = 0; r < outputs; r++) {
      let sum = 0;
      for (let k = 0; k < inputs; k++) sum += quantised[n * inputs + k] * ternary[r * inputs + k];
      output[n * outputs + r] = sum;
    }
  }
  return { input, inverse, quantised, ternary, output };
}

/**
 * @param dOutput [rows][outputs]
 * @param dInput [rows][inputs] to which the gradient is added
 * @param gradients to which those of the parameters are added
 */
export function linearRowsBack(
  pass: LinearPass,
  { norm }: Linear,
  dOutput: Float64Array,
  dInput: Float64Array,
  gradients: Linear,
): void {
  const { input, inverse, quantised, ternary } = pass;
  const inputs = norm.length;
  const outputs = ternary.length / inputs;
  const dNormed = new Float64Array(input.length);
  for (let n = 0; n < inverse.length; n++) {
    for (let r = 0; r < outputs; r++) {
      const d = dOutput[n * outputs + r];
      for (let k = 0; k < inputs; k++) {
        dNormed[n * inputs + k] += d * ternary[r * inputs + k];
        gradients.weight[r * inputs + k] += d * quantised[n * inputs + k];
      }
    }
  }
  normRowsBack({ v: input, weight: norm, inverse }, dNormed, dInput, gradients.norm);
}

/** round(y·s)/s with s = 127/max|y| of each row. */
function quantisedRows(y: Float64Array, width: number): Float64Array {
  const result = new Float64Array(y.length);
  for (let start = 0; start < y.length; start += width) {
    let absmax = MIN_ABSMAX;
    for (let k = start; k < start + width; k++) absmax = Math.max(absmax, Math.abs(y[k]));
    const scale = 127 / absmax;
    for (let k = start; k < start + width; k++) result[k] = roundHalfEven(y[k] * scale) / scale;
  }
  return result;
}

/** clamp(round(W/m), −1, 1)·m with m = mean|W|. */
function ternaryWeights(weight: Float64Array): Float64Array {
  let sum = 0;
  for (const value of weight) sum += Math.abs(value);
  const mean = Math.max(sum / weight.length, MIN_MEAN);
  return weight.map((value) => Math.max(-1, Math.min(1, roundHalfEven(value / mean))) * mean);
}
