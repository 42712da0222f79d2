/**
 * CRC-32 of many words at once: the CRC is linear, so each word's share can be computed alone and all shares be
 * exclusive-ored.
 *
 * In the reflected representation of CRC-32/ISO-HDLC, where bit 31 of a word is x⁰, a word w that is followed by d
 * others adds w·x^(32·(d+1)) mod P.
 */

/** The polynomial product of the CRC's field: a·b mod P. */
function product(a: number, b: number): number {
  let result = 0;
  let factor = b;
  for (let bit = 31; bit >= 0; bit--) {
    if ((a >>> bit) & 1) result ^= factor;
    factor = (factor >>> 1) ^ (factor & 1 ? 0xedb88320 : 0);
  }
  return result >>> 0;
}

/** x³², which takes the register past one word: x^31 is the word 1, and once more x is what a shift does. */
const X32 = 0xedb88320;

/** x^(32·(d+1)) for d = 0 … count − 1. */
export function crcFactors(count: number): Uint32Array<ArrayBuffer> {
  const factors = new Uint32Array(count);
  let factor = X32;
  for (let d = 0; d < count; d++) {
    factors[d] = factor;
    factor = product(factor, X32);
  }
  return factors;
}

/** What the two inversions of the CRC add for a message of so many words: the CRC of as many zero words. */
export function crcOfZeroWords(count: number): number {
  // x^(32·count), by squaring; bit 31 is x⁰.
  let power = 0x8000_0000;
  for (let bits = count, square = X32; bits > 0; bits >>>= 1, square = product(square, square)) {
    if (bits & 1) power = product(power, square);
  }
  return (product(0xffff_ffff, power) ^ 0xffff_ffff) >>> 0;
}
