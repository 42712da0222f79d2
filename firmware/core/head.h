/* The boot record of an image: docs/IMAGE.md, section 2. What a board knows of an image before the first erasure. */
#ifndef MMF_HEAD_H
#define MMF_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "mmfree.h"

#define MMF_HEAD_BYTES (MMFREE_BOOT_RECORD_OFFSET + MMFREE_BOOT_RECORD_BYTES)

enum mmf_section { MMF_TABLES, MMF_VECTORS, MMF_EMBEDDING, MMF_TERNARY, MMF_TOKENIZER, MMF_SECTIONS };

struct mmf_shape {
  uint32_t vocab, hidden, intermediate, layers, bos, eos;
};

struct mmf_head {
  struct mmf_shape shape;
  uint32_t file_length, revision;
  struct {
    uint32_t offset, length;
  } sections[MMF_SECTIONS];
};

/* bytes: the first MMF_HEAD_BYTES of the file. False if this is no image: section 6, points 1 and 2, but for what
 * needs the manifest. `head` is whole only after true. */
bool mmf_head_read(struct mmf_head *head, const uint8_t *bytes);

/* Bytes of a row of the embedding: its scale, its values, and one for an odd H. */
uint32_t mmf_row_bytes(const struct mmf_shape *shape);

#endif
