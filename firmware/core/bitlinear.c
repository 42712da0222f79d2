#include "bitlinear.h"

#include "fixed-point.h"

struct mantissa {
  int32_t mantissa; /* 2^14 … 2^15 − 1 */
  int32_t exponent;
};

void mmf_normalise(struct mmf_normalised *unit, const int32_t *v, uint32_t columns, uint64_t eps) {
  /* The OR of the magnitudes has as many digits as the largest of them. */
  uint32_t all = 0;
  for (uint32_t k = 0; k < columns; k++) all |= mmf_magnitude(v[k]);
  const int32_t bits = mmf_bits(all);
  const uint32_t e = bits > 15 ? (uint32_t)bits - 15 : 0;
  uint64_t squares = eps >> (2 * e);
  /* mmf_rsh, for an e that stays: half of the unit, then the shift. e is at most 16, so nothing is lost above. */
  const int32_t half = (int32_t)(1u << e >> 1);
  for (uint32_t k = 0; k < columns; k++) {
    const int32_t rounded = (v[k] + half) >> e;
    const int32_t n = rounded > 32767 ? 32767 : rounded;
    unit->n[k] = (int16_t)n;
    squares += (uint32_t)(n * n);
  }
  unit->columns = columns;
  unit->squares = squares;
}

/* p: 2^28 … 2^30 − 1 */
static struct mantissa norm15(int32_t p, int32_t exponent) {
  int32_t b = mmf_bits((uint32_t)p) - 15;
  int32_t rounded = mmf_rsh(p, (uint32_t)b);
  if (rounded == 0x8000) {
    rounded = 0x4000;
    b++;
  }
  return (struct mantissa){rounded, exponent + b};
}

static int32_t bits_of_64(uint64_t a) {
  const uint32_t high = (uint32_t)(a >> 32);
  return high != 0 ? 32 + mmf_bits(high) : mmf_bits((uint32_t)a);
}

/* ⌊√a⌋ for a below 2^30, digit by digit. */
static uint32_t root_of(uint32_t a) {
  uint32_t root = 0;
  for (uint32_t digit = 1u << 28; digit != 0; digit >>= 2) {
    if (a >= root + digit) {
      a -= root + digit;
      root = (root >> 1) + digit;
    } else {
      root >>= 1;
    }
  }
  return root;
}

/* Steps F and G. a, d: of step D. */
static struct mmf_scale scale_of(uint64_t squares, int32_t a, int32_t d, int32_t mm, int32_t em) {
  const int32_t half = (bits_of_64(squares) - 29) >> 1;
  const uint64_t shifted = half >= 0 ? squares >> (2 * half) : squares << (-2 * half);
  const uint32_t reciprocal = ((1u << 29) - 1) / root_of((uint32_t)shifted);
  struct mantissa scale = norm15(a * (int32_t)reciprocal, d - 29 - half);
  scale = norm15(scale.mantissa * mm, scale.exponent + em);
  if (-scale.exponent < 4) scale = (struct mantissa){32767, -4};
  const int32_t shift = -scale.exponent - 4;
  return (struct mmf_scale){false, scale.mantissa, shift > 32 ? 32 : (uint32_t)shift};
}

struct mmf_scale mmf_quantise(const struct mmf_normalised *unit, const int16_t *gain, int32_t mm, int32_t em,
                              int32_t *products, int8_t *q) {
  const int16_t *n = unit->n;
  uint32_t largest = 0;
  for (uint32_t k = 0; k < unit->columns; k++) {
    products[k] = n[k] * gain[k];
    const uint32_t magnitude = mmf_magnitude(products[k]);
    if (magnitude > largest) largest = magnitude;
  }
  if (largest == 0) {
    for (uint32_t k = 0; k < unit->columns; k++) q[k] = 0;
    return (struct mmf_scale){true, 0, 0};
  }
  const int32_t d = mmf_bits(largest) - 15;
  const uint32_t down = d >= 0 ? (uint32_t)d : 0, up = d >= 0 ? 0 : (uint32_t)-d;
  const int32_t a = (int32_t)((largest >> down) << up);
  const int32_t inverse = (127 << 22) / a;
  for (uint32_t k = 0; k < unit->columns; k++) {
    const int32_t u = mmf_shift_left(products[k] >> down, up);
    q[k] = (int8_t)((u * inverse + (1 << 21)) >> 22);
  }
  return scale_of(unit->squares, a, d, mm, em);
}
