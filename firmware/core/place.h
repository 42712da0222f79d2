/* Where tensors lie in an image: docs/IMAGE.md, section 4, by the lists of the generated header. */
#ifndef MMF_PLACE_H
#define MMF_PLACE_H

#include "image.h"

/* Constants and vectors of the head, of a layer. Sections lie at multiples of 4,096, so int16 are aligned. */
const int16_t *mmf_head_block(const struct mmf_image *image);
const int16_t *mmf_layer_block(const struct mmf_image *image, uint32_t layer);

/* Bytes of the matrices of a layer. */
uint32_t mmf_layer_bytes(const struct mmf_shape *shape);

/* Bytes of a matrix. */
uint32_t mmf_matrix_bytes(uint32_t rows, uint32_t columns);

/* A matrix, and where in it a byte is. */
struct mmf_place {
  uint32_t rows, columns, length, at;
};

/* at: below the length of the section. */
struct mmf_place mmf_place_of(const struct mmf_image *image, uint32_t at);

#endif
