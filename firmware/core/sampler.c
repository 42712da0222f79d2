#include "sampler.h"

#include "fixed-point.h"

void mmf_candidates_begin(struct mmf_candidates *candidates, uint32_t wanted) {
  candidates->wanted = wanted;
  candidates->count = 0;
}

void mmf_candidates_add(struct mmf_candidates *candidates, uint32_t id, int32_t logit) {
  struct mmf_candidate *list = candidates->list;
  uint32_t place = candidates->count;
  if (place == candidates->wanted) {
    if (logit <= list[place - 1].logit) return;
    place--;
  } else {
    candidates->count++;
  }
  for (; place > 0 && list[place - 1].logit < logit; place--) list[place] = list[place - 1];
  list[place] = (struct mmf_candidate){id, logit};
}

static uint32_t rotate_left(uint32_t word, uint32_t bits) {
  return word << bits | word >> (32 - bits);
}

uint32_t mmf_threefry(const uint32_t key[2], uint32_t counter0, uint32_t counter1) {
  static const uint8_t rotations[8] = {13, 15, 26, 6, 17, 29, 16, 24};
  const uint32_t k[3] = {key[0], key[1], key[0] ^ key[1] ^ 0x1bd11bda};
  uint32_t a = counter0 + k[0], b = counter1 + k[1];
  for (uint32_t round = 0; round < 20; round++) {
    a += b;
    b = rotate_left(b, rotations[round % 8]) ^ a;
    if (round % 4 == 3) {
      const uint32_t j = (round + 1) / 4;
      a += k[j % 3];
      b += k[(j + 1) % 3] + j;
    }
  }
  return a;
}

/* a·b / 2^15, down, for a below 2^22 and b below 2^15. */
static uint32_t share(uint32_t a, uint32_t b) {
  return (a >> 16) * b * 2 + (((a & 0xffff) * b) >> 15);
}

uint32_t mmf_sample(const struct mmf_candidates *candidates, const struct mmf_sampler *sampler, const uint16_t *exp2,
                    uint32_t index) {
  const struct mmf_candidate *list = candidates->list;
  if (sampler->inverse_temperature == 0) return list[0].id;
  uint32_t sums[MMFREE_MAX_CANDIDATES]; /* C */
  uint32_t count = candidates->count < sampler->top_k ? candidates->count : sampler->top_k, sum = 0;
  for (uint32_t j = 0; j < count; j++) {
    const uint32_t far = (uint32_t)list[0].logit - (uint32_t)list[j].logit, most = (1u << 26) - 1;
    const int32_t d = (int32_t)(far < most ? far : most);
    const uint32_t y = (uint32_t)mmf_mul15(d << 4, (int32_t)sampler->inverse_temperature);
    const uint32_t shift = y >> 11;
    sum += (uint32_t)exp2[(y >> 3) & 255] >> (shift < 31 ? shift : 31);
    sums[j] = sum;
  }
  if (sampler->top_p < MMFREE_MAX_TOP_P) {
    const uint32_t limit = (uint32_t)mmf_mul15((int32_t)sum, (int32_t)sampler->top_p);
    uint32_t last = 0;
    while (last < count - 1 && sums[last] < limit) last++;
    count = last + 1;
  }
  const uint32_t drawn = share(sums[count - 1], mmf_threefry(sampler->seed, index, 0) >> 17);
  uint32_t chosen = 0;
  while (chosen < count - 1 && sums[chosen] <= drawn) chosen++;
  return list[chosen].id;
}
