/**
 * WGSL: the primitives of docs/ARITHMETIC.md, sections 1, 3 and 4 (steps F and G). Exact on every adapter: 32-bit two's
 * complement only.
 *
 * WGSL takes shift amounts modulo 32, so each shift here is guarded where it can reach 32.
 */

/** Sizes of one row of a product, in units that a kernel counts in. Everything is padded with zeros to 64 columns. */
export interface RowSize {
  readonly columns: number;
  /** Words of four int8 activations: a multiple of 16. */
  readonly words: number;
  /** vec4<u32> of 64 two-bit weights. */
  readonly chunks: number;
}

export function rowSize(columns: number): RowSize {
  const chunks = Math.ceil(columns / 64);
  return { columns, words: 16 * chunks, chunks };
}

/** Functions without state. */
export const ARITHMETIC = /* wgsl */ `
fn mul15(a: i32, b: i32) -> i32 {
  return (((a >> 16u) * b) << 1u) + (((a & 0xffff) * b + 0x4000) >> 15u);
}

fn mul15x4(a: vec4<i32>, b: vec4<i32>) -> vec4<i32> {
  return (((a >> vec4(16u)) * b) << vec4(1u)) + (((a & vec4(0xffff)) * b + vec4(0x4000)) >> vec4(15u));
}

// Rounds half up; the half is the bit below the last one kept, since adding it first could overflow.
fn roundShift(a: i32, s: u32) -> i32 {
  if (s == 0u) { return a; }
  if (s > 31u) { return 0; }
  return (a >> s) + ((a >> (s - 1u)) & 1);
}

fn roundShiftx4(a: vec4<i32>, s: u32) -> vec4<i32> {
  if (s == 0u) { return a; }
  return (a >> vec4(s)) + ((a >> vec4(s - 1u)) & vec4(1));
}

fn bitLength(a: u32) -> i32 { return 32 - i32(countLeadingZeros(a)); }
fn sat16(a: i32) -> i32 { return clamp(a, -32768, 32767); }
fn sat31(a: i32) -> i32 { return clamp(a, -1073741824, 1073741823); }
// Q8 to Q11.
fn up3(p: i32) -> i32 { return sat16(p << 3u); }

// Four int16 of a vector that is stored in pairs.
fn unpack4(pairs: vec2<u32>) -> vec4<i32> {
  let p = bitcast<vec2<i32>>(pairs);
  return vec4((p.x << 16u) >> 16u, p.x >> 16u, (p.y << 16u) >> 16u, p.y >> 16u);
}

// Step D: u to 16 bits.
fn scaleTo15(u: vec4<i32>, drop: i32) -> vec4<i32> {
  if (drop >= 0) { return u >> vec4(u32(drop)); }
  return u << vec4(u32(-drop));
}

// A 48-bit sum in two parts, low below 2^16 after carrying.
fn carried(high: u32, low: u32) -> vec2<u32> { return vec2(high + (low >> 16u), low & 0xffffu); }

// A carried sum, shifted right: again in two parts.
fn shiftedSum(sum: vec2<u32>, shift: u32) -> vec2<u32> {
  if (shift >= 48u) { return vec2(0u); }
  if (shift >= 16u) { return vec2(select(sum.x >> (shift & 31u), 0u, shift >= 32u), (sum.x >> (shift - 16u)) & 0xffffu); }
  return vec2(sum.x >> shift, (((sum.x << 16u) | sum.y) >> shift) & 0xffffu);
}

// Exact: the estimate in floats is off by one at most, and is corrected in integers. 2^28 <= a < 2^30.
fn squareRoot(a: u32) -> u32 {
  var root = u32(sqrt(f32(a)));
  while (root * root > a) { root -= 1u; }
  while ((root + 1u) * (root + 1u) <= a) { root += 1u; }
  return root;
}

// To 15 bits, rounding half up: mantissa and exponent.
fn norm15(p: i32, exponent: i32) -> vec2<i32> {
  let drop = bitLength(u32(p)) - 15;
  let mantissa = roundShift(p, u32(drop));
  if (mantissa == 32768) { return vec2(16384, exponent + drop + 1); }
  return vec2(mantissa, exponent + drop);
}

// Steps F and G: mantissa and right shift of the outputs. maximum is max |u|, sum the carried S; (0, 0) if all of u is
// zero.
fn outputScale(maximum: u32, sum: vec2<u32>, scale: vec2<i32>) -> vec2<i32> {
  if (maximum == 0u) { return vec2(0); }
  let drop = bitLength(maximum) - 15;
  let top = i32(select(maximum << u32(max(-drop, 0)), maximum >> u32(max(drop, 0)), drop >= 0));
  let length = select(bitLength(sum.y), 16 + bitLength(sum.x), sum.x != 0u);
  let half = (length - 29) >> 1u;
  var square: u32;
  if (half >= 8) { square = sum.x >> u32(2 * half - 16); }
  else if (half >= 0) { square = (sum.x << u32(16 - 2 * half)) | (sum.y >> u32(2 * half)); }
  else { square = ((sum.x << 16u) | sum.y) << u32(-2 * half); }
  let inverse = min(32767, i32(536870911u / squareRoot(square)));
  var result = norm15(top * inverse, drop - 29 - half);
  result = norm15(result.x * scale.x, result.y + scale.y);
  if (result.y > -4) { result = vec2(32767, -4); }
  return vec2(result.x, min(-result.y - 4, 32));
}

// Step H.
fn scaledOutput(accumulator: i32, scale: vec2<i32>) -> i32 {
  return roundShift(mul15(accumulator << 11u, scale.x), u32(scale.y));
}

// Sixteen two-bit codes (0, 1, 2 for -1, 0, +1) times sixteen int8; the sum of the int8 is still to be subtracted.
fn codeDot(codes: u32, q: vec4<u32>) -> i32 {
  return dot4I8Packed(codes & 0x03030303u, q.x) + dot4I8Packed((codes >> 2u) & 0x03030303u, q.y)
    + dot4I8Packed((codes >> 4u) & 0x03030303u, q.z) + dot4I8Packed((codes >> 6u) & 0x03030303u, q.w);
}

fn int8Sum(q: vec4<u32>) -> i32 {
  return dot4I8Packed(0x01010101u, q.x) + dot4I8Packed(0x01010101u, q.y)
    + dot4I8Packed(0x01010101u, q.z) + dot4I8Packed(0x01010101u, q.w);
}
`;

/** One int16 of a vector that is stored in pairs; needs the binding `vectors`. */
export const VECTOR_AT = /* wgsl */ `
fn vectorAt(base: u32, k: u32) -> i32 {
  let pair = vectors[base + (k >> 1u)];
  return i32(select(pair << 16u, pair, (k & 1u) == 1u)) >> 16u;
}
`;

/**
 * The sigmoid, with its table in workgroup memory: a look-up comes at the end of a chain, where the way to memory would
 * be waited for. Needs the binding `tables`, whose word j holds SIGMA[j] and SIGMA[j + 1]. `loadSigma` is followed by a
 * barrier.
 */
export function sigmoid(size: number): string {
  return /* wgsl */ `
var<workgroup> sigma: array<u32, 257>;
fn loadSigma(local: u32) {
  for (var j = local; j < 257u; j += ${size}u) { sigma[j] = tables[j]; }
}
fn sigmoid(p: i32) -> i32 {
  let magnitude = min(abs(p), 32767);
  let pair = sigma[magnitude >> 7u];
  let left = i32(pair & 0xffffu);
  let y = left + (((i32(pair >> 16u) - left) * (magnitude & 127) + 64) >> 7u);
  return select(y, 32768 - y, p < 0);
}
`;
}

/**
 * CRC-32 as a sum over words: a word that is followed by d others adds `crcTerm(word, factor[d])`. Needs `crcFactors`.
 * The polynomial product in the reflected representation, where bit 31 is x^0.
 */
export const CRC = /* wgsl */ `
fn crcTerm(word: u32, wordsAfter: u32) -> u32 {
  var factor = crcFactors[wordsAfter];
  var term = 0u;
  for (var bit = 0u; bit < 32u; bit++) {
    term ^= factor & (0u - ((word << bit) >> 31u));
    factor = (factor >> 1u) ^ (0xedb88320u & (0u - (factor & 1u)));
  }
  return term;
}
`;
