/** σ, silu and their slopes, in double precision. */

export function sigmoid(a: number): number {
  return 1 / (1 + Math.exp(-a));
}

export function silu(a: number): number {
  return a * sigmoid(a);
}

/** silu′ = σ·(1 + a·(1 − σ)). */
export function siluSlope(a: number): number {
  const s = sigmoid(a);
  return s * (1 + a * (1 - s));
}
