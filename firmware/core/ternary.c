/*
 * A product of 32 bits adds to two rows at once: the word t0 + t1·2^16 times q is t0·q in its lower half and t1·q above,
 * with a borrow that taking the lower half off again gives back. So five rows cost three multiplications a byte.
 */
#include "ternary.h"

/* |127·258| is the last that 16 bits hold; 256 columns keep some distance. */
#define COLUMNS_OF_A_HALF 256u

void mmf_trits_init(struct mmf_trits *trits) {
  for (uint32_t byte = 0; byte < 243; byte++) {
    uint32_t rest = byte;
    int32_t weights[6] = {0};
    for (uint32_t row = 0; row < MMF_GROUP_ROWS; row++) {
      weights[row] = (int32_t)(rest % 3) - 1;
      rest /= 3;
    }
    for (uint32_t word = 0; word < 3; word++) {
      trits->words[byte][word] = (uint32_t)weights[2 * word] + ((uint32_t)weights[2 * word + 1] << 16);
    }
    trits->words[byte][3] = 0;
  }
}

static void add_halves(int32_t *sums, uint32_t packed) {
  const int32_t low = (int16_t)(packed & 0xffff);
  sums[0] += low;
  sums[1] += (int16_t)((packed - (uint32_t)low) >> 16);
}

void mmf_product(const struct mmf_trits *trits, const uint8_t *matrix, uint32_t columns, const int8_t *q,
                 uint32_t first, uint32_t end, int32_t *sums) {
  const uint8_t *bytes = matrix + first * columns;
  for (uint32_t group = first; group < end; group++, sums += MMF_GROUP_ROWS) {
    int32_t exact[6] = {0};
    for (uint32_t column = 0; column < columns;) {
      const uint32_t stop = columns - column > COLUMNS_OF_A_HALF ? column + COLUMNS_OF_A_HALF : columns;
      uint32_t rows01 = 0, rows23 = 0, row4 = 0;
      for (; column < stop; column++) {
        const uint32_t byte = *bytes++;
        const uint32_t *words = trits->words[byte < 243 ? byte : 121];
        const uint32_t activation = (uint32_t)(int32_t)q[column];
        rows01 += words[0] * activation;
        rows23 += words[1] * activation;
        row4 += words[2] * activation;
      }
      add_halves(exact, rows01);
      add_halves(exact + 2, rows23);
      exact[4] += (int32_t)row4;
    }
    for (uint32_t row = 0; row < MMF_GROUP_ROWS; row++) sums[row] = exact[row];
  }
}
