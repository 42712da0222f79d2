/* The BitLinear unit, docs/ARITHMETIC.md, section 4: what feeds every ternary product. */
#ifndef MMF_BITLINEAR_H
#define MMF_BITLINEAR_H

#include <stdbool.h>
#include <stdint.h>

#include "fixed-point.h"

/* A vector behind steps A and B. Products of one vector share it. */
struct mmf_normalised {
  int16_t *n; /* [columns] */
  uint32_t columns;
  uint64_t squares; /* S, below 2^45 */
};

/* How sums become outputs: steps F and G. A zero vector has only zero outputs. */
struct mmf_scale {
  bool is_zero;
  int32_t mantissa;
  uint32_t shift; /* of step H */
};

/* Steps A and B. v: [columns], |v| ≤ 2^30. eps: below 2^44. */
void mmf_normalise(struct mmf_normalised *unit, const int32_t *v, uint32_t columns, uint64_t eps);

/*
 * Steps C, D, F and G. gain, q: [columns]. mm, em: of the product. q is all 0 for a zero vector. products: room for
 * [columns], so that gains are read once, from a flash that may be slow.
 */
struct mmf_scale mmf_quantise(const struct mmf_normalised *unit, const int16_t *gain, int32_t mm, int32_t em,
                              int32_t *products, int8_t *q);

/* Step H: the caller saturates what it gives. */
static inline int32_t mmf_output(struct mmf_scale scale, int32_t sum) {
  if (scale.is_zero) return 0;
  return mmf_rsh(mmf_mul15(mmf_shift_left(sum, 11), scale.mantissa), scale.shift);
}

#endif
