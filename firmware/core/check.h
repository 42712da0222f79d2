/* The rest of section 6 of docs/IMAGE.md, in pieces: hashes, then every weight. A board serves its link between two. */
#ifndef MMF_CHECK_H
#define MMF_CHECK_H

#include "image.h"
#include "sha256.h"

enum mmf_progress { MMF_GOES_ON, MMF_RIGHT, MMF_WRONG };

struct mmf_check {
  const struct mmf_image *image;
  struct mmf_sha256 file, section, whole; /* whole: of the file without its seal, once that was reached */
  uint32_t hashed; /* bytes */
  uint32_t rows;   /* of the embedding */
  uint32_t layer;  /* of the vectors; all of them, and one for the head */
  uint32_t ternary;
};

/* image: read by mmf_image_read. */
void mmf_check_begin(struct mmf_check *check, const struct mmf_image *image);

/* SHA-256 of the whole file with its seal, after MMF_RIGHT. */
void mmf_check_file_hash(const struct mmf_check *check, uint8_t digest[MMF_SHA256_BYTES]);

/* The next piece, of about a thousand bytes. */
enum mmf_progress mmf_check_work(struct mmf_check *check);

#endif
