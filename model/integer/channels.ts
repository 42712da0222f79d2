/**
 * What happens to one channel between the products of a layer: docs/ARITHMETIC.md, section 5.
 *
 * Outputs of products come as int32 and are saturated here. `sigma` is the image's SIGMA table.
 */

import { mul15, roundShift, sat16, sat31 } from './fixed-point.js';
import { sigmoid, up3 } from './sigmoid.js';

/**
 * MLGRU (paper, section 3.3.1): the state after a token.
 *
 * @param h state before it, Q23, |h| ≤ 32768·32767
 * @param i input gate, f forget gate: outputs of their products, Q8
 * @param forgetScale clb of the channel, 0 … 32767, Q15
 */
export function nextState(sigma: Uint16Array, h: number, i: number, f: number, forgetScale: number): number {
  const input = sat16(i);
  const silu = Math.imul(input, sigmoid(sigma, up3(input))); // Q23
  const keep = sigmoid(sigma, up3(-sat16(f))); // 1 − σ(f), Q15
  const forget = (Math.imul(keep, forgetScale) + 0x4000) >> 15; // 1 − forget gate, Q15
  return h + mul15(silu - h, forget);
}

/**
 * Norm of g and swish gate on the state: v, what the o product reads, Q23.
 *
 * @param g output gate, saturated to 16 bits, Q8
 */
export function gatedState(sigma: Uint16Array, h: number, g: number, gNorm: number): number {
  const swish = mul15(h, sigmoid(sigma, sat16(roundShift(h, 12)))); // silu(h), Q23
  return mul15(swish, (Math.imul(g, gNorm) + 0x4000) >> 15);
}

/** GLU (paper, section 3.3.2): silu(gate)·up of two outputs in Q8, in Q16. */
export function gatedLinearUnit(sigma: Uint16Array, gate: number, up: number): number {
  const input = sat16(gate);
  return mul15(Math.imul(input, sigmoid(sigma, up3(input))), Math.max(-32767, sat16(up)));
}

/** The residual after a product was added to it, Q12. */
export function addToResidual(x: number, out: number): number {
  return sat31(x + sat31(out));
}
