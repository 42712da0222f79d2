/**
 * Primitives of the integer arithmetic: docs/ARITHMETIC.md, section 1.
 *
 * Everything is a 32-bit two's-complement integer; `Math.imul` is the only product.
 */

const INT31_MAX = 2 ** 30 - 1;
const INT31_MIN = -(2 ** 30);

/** Saturates to 16 bits. */
export function sat16(a: number): number {
  return a > 32767 ? 32767 : a < -32768 ? -32768 : a;
}

/** Saturates to 31 bits, so that the sum of two results fits 32. */
export function sat31(a: number): number {
  return a > INT31_MAX ? INT31_MAX : a < INT31_MIN ? INT31_MIN : a;
}

/** Right shift that rounds half up: ⌊(a + 2^(s−1)) / 2^s⌋. Exact for every int32 `a` and every `s ≥ 0`. */
export function roundShift(a: number, s: number): number {
  if (s === 0) return a;
  if (s > 31) return 0;
  // The half is the bit below the last one kept; adding it to `a` itself could overflow.
  return (a >> s) + ((a >> (s - 1)) & 1);
}

/**
 * ⌊(a·b + 2¹⁴) / 2¹⁵⌋ for int32 `a` and −32767 ≤ b ≤ 32767, by two 16×16 products.
 *
 * Both halves stay inside 32 bits: |ah·b| < 2³⁰ and al·b + 2¹⁴ < 2³¹.
 */
export function mul15(a: number, b: number): number {
  return (Math.imul(a >> 16, b) << 1) + ((Math.imul(a & 0xffff, b) + 0x4000) >> 15);
}

/** Number of binary digits of 0 ≤ a < 2³². */
export function bitLength(a: number): number {
  return 32 - Math.clz32(a);
}

/** ⌊√a⌋ for 0 ≤ a < 2³⁰, digit by digit as a circuit does it. */
export function integerSquareRoot(a: number): number {
  let root = 0;
  let rest = a;
  for (let bit = 1 << 28; bit !== 0; bit >>= 2) {
    if (rest >= root + bit) {
      rest -= root + bit;
      root = (root >> 1) + bit;
    } else {
      root >>= 1;
    }
  }
  return root;
}
