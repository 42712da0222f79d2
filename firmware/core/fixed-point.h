/* Primitives of docs/ARITHMETIC.md, section 1. `>>` of a negative number is arithmetic in every compiler that we use. */
#ifndef MMF_FIXED_POINT_H
#define MMF_FIXED_POINT_H

#include <stdint.h>

_Static_assert((-3 >> 1) == -2, "right shifts of negative numbers must be arithmetic");

/* a times 2^s in two's complement: C leaves the shift of a negative number undefined. */
static inline int32_t mmf_shift_left(int32_t a, uint32_t s) {
  return (int32_t)((uint32_t)a << s);
}

static inline uint32_t mmf_magnitude(int32_t a) {
  return a < 0 ? 0u - (uint32_t)a : (uint32_t)a;
}

/* bits(0) = 0, bits(255) = 8 */
static inline int32_t mmf_bits(uint32_t a) {
  int32_t bits = 0;
  for (uint32_t step = 16; step > 0; step >>= 1) {
    if (a >> step) {
      a >>= step;
      bits += (int32_t)step;
    }
  }
  return bits + (int32_t)a;
}

static inline int32_t mmf_clamp(int32_t a, int32_t least, int32_t most) {
  return a < least ? least : a > most ? most : a;
}

static inline int32_t mmf_sat16(int32_t a) {
  return mmf_clamp(a, -0x8000, 0x7fff);
}

static inline int32_t mmf_sat31(int32_t a) {
  return mmf_clamp(a, -0x40000000, 0x3fffffff);
}

/* a / 2^s, half up, for s of 0 … 32. Halves first: a + 2^(s−1) may not fit. */
static inline int32_t mmf_rsh(int32_t a, uint32_t s) {
  if (s == 0) return a;
  if (s > 31) return 0;
  return ((a >> (s - 1)) + 1) >> 1;
}

/* a·b / 2^15, half up, for |b| ≤ 32,767: two products of 16 bits, exact (docs/ARITHMETIC.md, section 1). */
static inline int32_t mmf_mul15(int32_t a, int32_t b) {
  const int32_t high = a >> 16, low = a & 0xffff;
  return high * b * 2 + ((low * b + 0x4000) >> 15);
}

#endif
