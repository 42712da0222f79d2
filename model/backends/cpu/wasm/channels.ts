/** What happens to four channels between the products of a layer: docs/ARITHMETIC.md, section 5. */
import { mul15, mul16, roundShift, sat16 } from './fixed-point';
import { sigmoid, up3 } from './sigmoid';

/**
 * MLGRU: the state after a token.
 *
 * @param h state before it, Q23
 * @param i input gate, f forget gate: outputs of their products, Q8
 * @param forgetScale 0 … 32767, Q15
 */
@inline
export function nextState(h: v128, i: v128, f: v128, forgetScale: v128): v128 {
  const input = sat16(i);
  const silu = mul16(input, sigmoid(up3(input))); // Q23
  const keep = sigmoid(up3(i32x4.neg(sat16(f)))); // 1 − σ(f), Q15
  const forget = i32x4.shr_s(i32x4.add(mul16(keep, forgetScale), i32x4.splat(0x4000)), 15);
  return i32x4.add(h, mul15(i32x4.sub(silu, h), forget));
}

/** Norm of g and swish gate on the state: what the o product reads, Q23. @param g saturated to 16 bits, Q8 */
@inline
export function gatedState(h: v128, g: v128, gNorm: v128): v128 {
  const swish = mul15(h, sigmoid(sat16(roundShift(h, 12)))); // silu(h), Q23
  const gate = i32x4.shr_s(i32x4.add(i32x4.mul(g, gNorm), i32x4.splat(0x4000)), 15);
  return mul15(swish, gate);
}

/** GLU: silu(gate)·up of two outputs in Q8, in Q16. */
@inline
export function gatedLinearUnit(gate: v128, up: v128): v128 {
  const input = sat16(gate);
  return mul15(mul16(input, sigmoid(up3(input))), i32x4.max_s(sat16(up), i32x4.splat(-32767)));
}
