/* The sampler: docs/ARITHMETIC.md, section 8. */
#ifndef MMF_SAMPLER_H
#define MMF_SAMPLER_H

#include <stdint.h>

#include "mmfree.h"

struct mmf_candidate {
  uint32_t id;
  int32_t logit;
};

/* The largest logits, larger first, equal ones by lower id first. */
struct mmf_candidates {
  uint32_t wanted, count;
  struct mmf_candidate list[MMFREE_MAX_CANDIDATES];
};

struct mmf_sampler {
  uint32_t top_k;               /* 1 … 64 */
  uint32_t inverse_temperature; /* Q10, 0 is greedy */
  uint32_t top_p;               /* Q15, 1 … 32,768 */
  uint32_t seed[2];             /* lower word first */
};

/* wanted: 1 … 64 */
void mmf_candidates_begin(struct mmf_candidates *candidates, uint32_t wanted);

/* Logits come in the order of their ids. */
void mmf_candidates_add(struct mmf_candidates *candidates, uint32_t id, int32_t logit);

/*
 * The token with this index in a run.
 *
 * candidates  as many as `top_k` wants, or more: it is their beginning that counts; one is enough for greedy
 * exp2        [256], the table of the image
 */
uint32_t mmf_sample(const struct mmf_candidates *candidates, const struct mmf_sampler *sampler, const uint16_t *exp2,
                    uint32_t index);

/* Word 0 of Threefry-2x32 with 20 rounds. */
uint32_t mmf_threefry(const uint32_t key[2], uint32_t counter0, uint32_t counter1);

#endif
