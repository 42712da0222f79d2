/* One token: docs/ARITHMETIC.md, section 5. */
#ifndef MMF_MODEL_H
#define MMF_MODEL_H

#include "bitlinear.h"
#include "image.h"
#include "sampler.h"
#include "ternary.h"

/* Rows whose sums are in memory at a time; five rows make a group. */
#define MMF_CHUNK_ROWS 160u

#define MMF_SIGMA_ENTRIES 257u

struct mmf_model;

/* What becomes of the outputs of a product: `first` is the row of outputs[0]. */
typedef void mmf_take_rows(struct mmf_model *model, void *to, uint32_t first, const int32_t *outputs, uint32_t count);

/* A product of model->q, and whose its outputs are: rows in order, an even number at a time but for the last ones. */
struct mmf_product {
  const uint8_t *matrix;
  uint32_t rows, columns;
  struct mmf_scale scale;
  mmf_take_rows *take;
  void *to;
};

/* Computes a whole product. mmf_multiply does it alone, from where the matrix lies. */
typedef void mmf_multiplier(struct mmf_model *model, const struct mmf_product *product);

struct mmf_model {
  const struct mmf_image *image;
  mmf_multiplier *multiply;
  uint16_t sigma[MMF_SIGMA_ENTRIES + 1]; /* of the image: read at random, which flash does not like */
  struct mmf_trits trits;
  int32_t *state; /* [L][H], Q23 */
  int32_t *x;     /* [H], the residual, Q12 */
  int32_t *v;     /* [max(H, I)], what a unit takes; also z */
  int16_t *i, *f, *g;
  int8_t *q;
  struct mmf_normalised unit;
  int32_t sums[MMF_CHUNK_ROWS];
  uint32_t receipt; /* of the last step */
  struct mmf_candidates candidates;
  /* Called after every chunk of a product: the board's other duties. May be 0. */
  void (*breathe)(void *context);
  void *context;
};

/* Bytes of memory that a model of this shape needs; 0 where more than 2^32 are. */
uint32_t mmf_model_bytes(const struct mmf_shape *shape);

/* image: read and checked; it stays. memory: mmf_model_bytes of it, at a multiple of 4. The state is zero. */
void mmf_model_open(struct mmf_model *model, const struct mmf_image *image, void *memory);

void mmf_model_reset(struct mmf_model *model);

mmf_multiplier mmf_multiply;

/*
 * Feeds a token below V; receipt and candidates are those of its logits.
 *
 * wanted  how many candidates, 1 … 64
 * taps    [L + 1], or 0: CRC-32 of the residual behind the embedding and behind each layer
 */
void mmf_model_step(struct mmf_model *model, uint32_t token, uint32_t wanted, uint32_t *taps);

#endif
