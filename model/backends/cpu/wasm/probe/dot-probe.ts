/** Shows whether the engine computes the product of the family relaxed16 right: see ../../node/families.ts. */

/** A lane of the product of vectors that are `q` and `code` everywhere: 2·q·code. */
export function dot(q: i32, code: i32): i32 {
  return i16x8.extract_lane_s(i16x8.relaxed_dot_i8x16_i7x16_s(i8x16.splat(<i8>q), i8x16.splat(<i8>code)), 0);
}
