#include "place.h"

#define HIDDEN shape->hidden
#define INTERMEDIATE shape->intermediate
#define VOCAB shape->vocab

const int16_t *mmf_head_block(const struct mmf_image *image) {
  return (const int16_t *)(const void *)(image->bytes + image->head.sections[MMF_VECTORS].offset);
}

const int16_t *mmf_layer_block(const struct mmf_image *image, uint32_t layer) {
  const struct mmf_shape *shape = &image->head.shape;
#define ADD(name, columns, first, last) +(columns)
  const uint32_t head = MMFREE_BLOCK_CONSTANTS MMFREE_HEAD_VECTORS(ADD);
  const uint32_t each = MMFREE_BLOCK_CONSTANTS MMFREE_LAYER_VECTORS(ADD);
#undef ADD
  return mmf_head_block(image) + head + layer * each;
}

uint32_t mmf_matrix_bytes(uint32_t rows, uint32_t columns) {
  return (rows + MMFREE_TRITS_PER_BYTE - 1) / MMFREE_TRITS_PER_BYTE * columns;
}

uint32_t mmf_layer_bytes(const struct mmf_shape *shape) {
#define ADD(name, rows, columns, gain, slot) +mmf_matrix_bytes(rows, columns)
  return 0 MMFREE_LAYER_MATRICES(ADD);
#undef ADD
}

struct mmf_place mmf_place_of(const struct mmf_image *image, uint32_t at) {
  const struct mmf_shape *shape = &image->head.shape;
  const uint32_t layer_bytes = mmf_layer_bytes(shape);
  const bool is_head = at >= shape->layers * layer_bytes;
  at = is_head ? at - shape->layers * layer_bytes : at % layer_bytes;
#define FIND(name, rows_, columns_, gain, slot)              \
  {                                                          \
    const uint32_t length = mmf_matrix_bytes(rows_, columns_); \
    if (at < length) return (struct mmf_place){rows_, columns_, length, at}; \
    at -= length;                                            \
  }
  if (is_head) {
    MMFREE_HEAD_MATRICES(FIND)
  } else {
    MMFREE_LAYER_MATRICES(FIND)
  }
#undef FIND
  return (struct mmf_place){0, 0, 0, 0};
}
