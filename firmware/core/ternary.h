/* Step E of the BitLinear unit: a ternary matrix as it lies in the image (docs/IMAGE.md, section 4) times a vector. */
#ifndef MMF_TERNARY_H
#define MMF_TERNARY_H

#include <stdint.h>

#define MMF_GROUP_ROWS 5

/*
 * What a byte of the image means, ready to be multiplied: words 0, 1 and 2 of an entry hold two weights each, as
 * t[2d] + t[2d + 1]·2^16 (word 2 only one). The fourth word makes an entry 16 bytes, a shift away.
 */
struct mmf_trits {
  uint32_t words[243][4];
};

void mmf_trits_init(struct mmf_trits *trits);

/*
 * Groups `first` … `end` − 1 of a matrix: five rows each, `columns` bytes each.
 *
 * q      [columns], −127 … 127
 * sums   [5·(end − first)], exact
 *
 * Bytes above 242 are taken for 0: a checked image has none.
 */
void mmf_product(const struct mmf_trits *trits, const uint8_t *matrix, uint32_t columns, const int8_t *q,
                 uint32_t first, uint32_t end, int32_t *sums);

#endif
