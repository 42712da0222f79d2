/* An image in memory, such as flash that is mapped: docs/IMAGE.md. Everything points into it, nothing is copied. */
#ifndef MMF_IMAGE_H
#define MMF_IMAGE_H

#include "cbor-reader.h"
#include "head.h"

#define MMF_MAX_END_TOKENS 16

struct mmf_image {
  const uint8_t *bytes;
  struct mmf_head head;
  struct mmf_span name;
  struct mmf_span end_tokens;           /* u32 each; empty if `eos` is the only one */
  struct mmf_span prompt, continuation; /* of the self-test, u32 each */
  struct mmf_span receipts;
  const uint8_t *section_hashes[MMF_SECTIONS];
  uint32_t seal; /* where it begins */
  const uint8_t *sha256;
};

struct mmf_seal {
  const uint8_t *sha256;
  const uint8_t *public_key, *signature; /* 0 if it is not signed */
};

/* A seal, and nothing behind it. */
bool mmf_seal_read(struct mmf_seal *seal, const uint8_t *bytes, uint32_t length);

/* Everything of section 6 but hashes, signature and weights (check.h). bytes: at a multiple of 4. */
bool mmf_image_read(struct mmf_image *image, const uint8_t *bytes, uint32_t length);

/* Whether a text ends at this token. */
bool mmf_image_ends(const struct mmf_image *image, uint32_t token);

#endif
