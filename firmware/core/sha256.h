/* SHA-256 (FIPS 180-4), in pieces. */
#ifndef MMF_SHA256_H
#define MMF_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define MMF_SHA256_BYTES 32

struct mmf_sha256 {
  uint32_t hash[8];
  uint64_t length; /* bytes so far */
  uint8_t block[64];
};

/* One block. */
void mmf_sha256_block(uint32_t hash[8], const uint8_t block[64]);

void mmf_sha256_init(struct mmf_sha256 *sha);
void mmf_sha256_add(struct mmf_sha256 *sha, const void *bytes, size_t length);
void mmf_sha256_end(struct mmf_sha256 *sha, uint8_t digest[MMF_SHA256_BYTES]);

#endif
