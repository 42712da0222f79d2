/** Numbers for faults, where the same seed must give the same ones. */

/** Marsaglia's xorshift32 ("Xorshift RNGs", 2003): 32 bits a call. */
export function xorshift(seed: number): () => number {
  let state = (seed ^ 0x9e37_79b9) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
