#include "sha256.h"

#include "bytes.h"

static void put_big_endian(uint8_t *bytes, uint32_t word) {
  for (int byte = 0; byte < 4; byte++) bytes[byte] = (uint8_t)(word >> (24 - 8 * byte));
}

void mmf_sha256_init(struct mmf_sha256 *sha) {
  static const uint32_t first[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  memcpy(sha->hash, first, sizeof first);
  sha->length = 0;
}

void mmf_sha256_add(struct mmf_sha256 *sha, const void *bytes, size_t length) {
  const uint8_t *from = bytes;
  while (length > 0) {
    const size_t filled = sha->length % 64;
    const size_t room = 64 - filled, piece = length < room ? length : room;
    if (piece == 64) {
      mmf_sha256_block(sha->hash, from);
    } else {
      memcpy(sha->block + filled, from, piece);
      if (piece == room) mmf_sha256_block(sha->hash, sha->block);
    }
    sha->length += piece;
    from += piece;
    length -= piece;
  }
}

void mmf_sha256_end(struct mmf_sha256 *sha, uint8_t digest[MMF_SHA256_BYTES]) {
  static const uint8_t padding[64] = {0x80};
  uint8_t bits[8];
  put_big_endian(bits, (uint32_t)(sha->length >> 29));
  put_big_endian(bits + 4, (uint32_t)(sha->length << 3));
  mmf_sha256_add(sha, padding, 1 + (119 - sha->length % 64) % 64);
  mmf_sha256_add(sha, bits, 8);
  for (int word = 0; word < 8; word++) put_big_endian(digest + 4 * word, sha->hash[word]);
}
