/**
 * The recurrence of a block over sequences, forth and back, in double precision (docs/TRAINING.md, section 4):
 * f = lb + (1 − lb)·σ(f′), h_t = f·h_{t−1} + silu(i)·(1 − f), all elementwise, h_0 = 0 in front of each sequence.
 */
import { sigmoid, silu, siluSlope } from './activations.js';

/** What goes into the recurrence: pre-activations [rows][width] and the lower bound [width] of the layer. */
export interface MlgruInput {
  readonly i: Float64Array;
  readonly f: Float64Array;
  readonly bound: Float64Array;
  /** Rows of one sequence. */
  readonly length: number;
}

/** The states: [rows][width]. */
export function scanRows({ i, f, bound, length }: MlgruInput): Float64Array {
  const width = bound.length;
  const h = new Float64Array(i.length);
  for (let at = 0; at < h.length; at++) {
    const k = at % width;
    const isFirst = Math.floor(at / width) % length === 0;
    const forget = bound[k] + (1 - bound[k]) * sigmoid(f[at]);
    h[at] = forget * (isFirst ? 0 : h[at - width]) + silu(i[at]) * (1 - forget);
  }
  return h;
}

/**
 * δ_t = dh_t + f_{t+1}·δ_{t+1}; df = δ_t·(h_{t−1} − silu(i)); di = δ_t·(1 − f)·silu′(i).
 *
 * @param dh [rows][width] gradient of the states without what comes from later ones
 * @param dBound [width] to which the gradient is added
 */
export function scanRowsBack(
  { i, f, bound, length }: MlgruInput,
  h: Float64Array,
  dh: Float64Array,
  dBound: Float64Array,
): { readonly di: Float64Array; readonly df: Float64Array } {
  const width = bound.length;
  const di = new Float64Array(i.length);
  const df = new Float64Array(i.length);
  const later = new Float64Array(width);
  for (let at = h.length - 1; at >= 0; at--) {
    const k = at % width;
    const t = Math.floor(at / width) % length;
    if (t === length - 1) later[k] = 0;
    const gate = sigmoid(f[at]);
    const forget = bound[k] + (1 - bound[k]) * gate;
    const delta = dh[at] + later[k];
    const dForget = delta * ((t === 0 ? 0 : h[at - width]) - silu(i[at]));
    di[at] = delta * (1 - forget) * siluSlope(i[at]);
    df[at] = dForget * (1 - bound[k]) * gate * (1 - gate);
    dBound[k] += dForget * (1 - gate);
    later[k] = delta * forget;
  }
  return { di, df };
}
