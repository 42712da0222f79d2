/*
 * Hostile images: libFuzzer's input is the file. Its checksums are made right, so that what is behind them is reached; an
 * image that is right then computes two tokens.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "crc32.h"
#include "little-endian.h"
#include "model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct mmf_model model;

static void hash(const uint8_t *bytes, uint32_t length, uint8_t *digest) {
  struct mmf_sha256 sha;
  mmf_sha256_init(&sha);
  mmf_sha256_add(&sha, bytes, length);
  mmf_sha256_end(&sha, digest);
}

static void make_right(uint8_t *bytes, uint32_t length) {
  struct mmf_image image;
  mmf_put_u32(bytes + MMFREE_BOOT_RECORD_OFFSET + MMFREE_AT_FILE_LENGTH, length);
  mmf_put_u32(bytes + MMFREE_BOOT_RECORD_OFFSET + MMFREE_AT_CRC,
              mmf_crc32(0, bytes + MMFREE_BOOT_RECORD_OFFSET, MMFREE_AT_CRC));
  if (!mmf_image_read(&image, bytes, length)) return;
  for (int section = 0; section < MMF_SECTIONS; section++) {
    hash(bytes + image.head.sections[section].offset, image.head.sections[section].length,
         bytes + (image.section_hashes[section] - bytes));
  }
  hash(bytes, image.seal, bytes + (image.sha256 - bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < MMF_HEAD_BYTES || size > 1 << 20) return 0;
  uint8_t *bytes = malloc(size);
  if (bytes == NULL) return 0;
  memcpy(bytes, data, size);
  make_right(bytes, (uint32_t)size);
  struct mmf_image image;
  if (mmf_image_read(&image, bytes, (uint32_t)size)) {
    struct mmf_check check;
    mmf_check_begin(&check, &image);
    enum mmf_progress progress;
    do {
      progress = mmf_check_work(&check);
    } while (progress == MMF_GOES_ON);
    if (progress == MMF_RIGHT) {
      void *memory = malloc(mmf_model_bytes(&image.head.shape));
      if (memory != NULL) {
        mmf_model_open(&model, &image, memory);
        mmf_model_step(&model, image.head.shape.bos, MMFREE_MAX_CANDIDATES, 0);
        mmf_model_step(&model, image.head.shape.eos, 1, 0);
      }
      free(memory);
    }
  }
  free(bytes);
  return 0;
}
