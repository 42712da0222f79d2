#include "check.h"

#include "bytes.h"
#include "little-endian.h"
#include "place.h"

#define PIECE_BYTES 1024u

/* Of the section that every image has, as section 3 of docs/ARITHMETIC.md gives it. */
static const uint8_t TABLES_SHA256[MMF_SHA256_BYTES] = MMFREE_TABLES_SHA256;

void mmf_check_begin(struct mmf_check *check, const struct mmf_image *image) {
  *check = (struct mmf_check){.image = image};
  mmf_sha256_init(&check->file);
  mmf_sha256_init(&check->section);
}

static bool ends_with(struct mmf_sha256 *sha, const uint8_t *hash) {
  uint8_t digest[MMF_SHA256_BYTES];
  mmf_sha256_end(sha, digest);
  return mmf_equal(digest, hash, sizeof digest);
}

/* The part of the piece [from, to) that lies in each section. Each of them ends in one piece, an empty one too. */
static bool hash_sections(struct mmf_check *check, uint32_t from, uint32_t to) {
  for (int section = 0; section < MMF_SECTIONS; section++) {
    const uint32_t first = check->image->head.sections[section].offset;
    const uint32_t end = first + check->image->head.sections[section].length;
    const uint32_t start = from > first ? from : first, stop = to < end ? to : end;
    if (start < stop) mmf_sha256_add(&check->section, check->image->bytes + start, stop - start);
    if (end <= from || end > to) continue;
    if (!ends_with(&check->section, check->image->section_hashes[section])) return false;
    mmf_sha256_init(&check->section);
  }
  return true;
}

static enum mmf_progress hash_piece(struct mmf_check *check) {
  const uint32_t left = check->image->seal - check->hashed;
  const uint32_t length = left < PIECE_BYTES ? left : PIECE_BYTES;
  mmf_sha256_add(&check->file, check->image->bytes + check->hashed, length);
  if (!hash_sections(check, check->hashed, check->hashed + length)) return MMF_WRONG;
  check->hashed += length;
  if (check->hashed < check->image->seal) return MMF_GOES_ON;
  check->whole = check->file;
  const bool is_right = ends_with(&check->file, check->image->sha256) &&
                        mmf_equal(check->image->section_hashes[MMF_TABLES], TABLES_SHA256, sizeof TABLES_SHA256);
  return is_right ? MMF_GOES_ON : MMF_WRONG;
}

static bool are_within(const int16_t *values, uint32_t count, int32_t first, int32_t last) {
  for (uint32_t index = 0; index < count; index++) {
    if (values[index] < first || values[index] > last) return false;
  }
  return true;
}

/* The constants of a block: those that have a meaning are taken off the copy, what is left must be 0. */
static bool constant_is_within(int16_t *constants, int32_t slot, int32_t first, int32_t last) {
  const int16_t value = constants[slot];
  constants[slot] = 0;
  return value >= first && value <= last;
}

static bool scale_is_right(int16_t *constants, int32_t slot) {
  return constant_is_within(constants, slot, MMFREE_MM_FIRST, MMFREE_MM_LAST) &&
         constant_is_within(constants, slot + 1, MMFREE_EM_FIRST, MMFREE_EM_LAST);
}

#define HIDDEN shape->hidden
#define INTERMEDIATE shape->intermediate
#define CONSTANT(name, slot, first, last) &&constant_is_within(constants, slot, first, last)
#define SCALE(name, rows, columns, gain, slot) &&scale_is_right(constants, slot)
#define VECTOR(name, columns, first, last) &&are_within(vectors, columns, first, last) && (vectors += (columns))

static bool block_is_right(const struct mmf_image *image, uint32_t layer) {
  const struct mmf_shape *shape = &image->head.shape;
  const bool is_head = layer == shape->layers;
  const int16_t *vectors = is_head ? mmf_head_block(image) : mmf_layer_block(image, layer);
  int16_t constants[MMFREE_BLOCK_CONSTANTS];
  for (uint32_t slot = 0; slot < MMFREE_BLOCK_CONSTANTS; slot++) constants[slot] = *vectors++;
  const bool is_right = is_head ? true MMFREE_HEAD_CONSTANTS(CONSTANT) MMFREE_HEAD_MATRICES(SCALE) MMFREE_HEAD_VECTORS(VECTOR)
                                : true MMFREE_LAYER_CONSTANTS(CONSTANT) MMFREE_LAYER_MATRICES(SCALE) MMFREE_LAYER_VECTORS(VECTOR);
  return is_right && are_within(constants, MMFREE_BLOCK_CONSTANTS, 0, 0);
}

static bool row_is_right(const struct mmf_image *image, uint32_t token) {
  const struct mmf_shape *shape = &image->head.shape;
  const uint8_t *row = image->bytes + image->head.sections[MMF_EMBEDDING].offset + token * mmf_row_bytes(shape);
  const bool is_padded = shape->hidden % 2 == 1;
  return mmf_u16(row) <= 32767 && !(is_padded && row[2 + shape->hidden] != 0);
}

/* Bytes of a last group hold digits of 1 where rows are missing: 121 − 3^rows·… , so the digits above `rows` are all 1. */
static bool are_trits(const uint8_t *bytes, uint32_t length, uint32_t rows) {
  uint32_t step = 1, ones = 121;
  for (uint32_t row = 0; row < rows; row++) {
    ones -= step;
    step *= 3;
  }
  /* A byte is digits of the rows that are there, below `step`, and the 1s above them. */
  for (uint32_t index = 0; index < length; index++) {
    const uint32_t digits = (uint32_t)bytes[index] - ones;
    if (digits >= step) return false;
  }
  return true;
}

/* The piece from `at` on lies in one matrix, and either before its last group or in it. */
static uint32_t check_trits(const struct mmf_image *image, uint32_t at, bool *is_right) {
  const struct mmf_place place = mmf_place_of(image, at);
  const uint8_t *bytes = image->bytes + image->head.sections[MMF_TERNARY].offset + at;
  const uint32_t last_group = place.length - place.columns;
  const bool is_last = place.at >= last_group;
  const uint32_t left = (is_last ? place.length : last_group) - place.at;
  const uint32_t length = left < PIECE_BYTES ? left : PIECE_BYTES;
  const uint32_t rest = place.rows % MMFREE_TRITS_PER_BYTE;
  *is_right = are_trits(bytes, length, is_last && rest != 0 ? rest : MMFREE_TRITS_PER_BYTE);
  return at + length;
}

void mmf_check_file_hash(const struct mmf_check *check, uint8_t digest[MMF_SHA256_BYTES]) {
  const struct mmf_image *image = check->image;
  struct mmf_sha256 whole = check->whole;
  mmf_sha256_add(&whole, image->bytes + image->seal, image->head.file_length - image->seal);
  mmf_sha256_end(&whole, digest);
}

enum mmf_progress mmf_check_work(struct mmf_check *check) {
  const struct mmf_image *image = check->image;
  if (check->hashed < image->seal) return hash_piece(check);
  if (check->layer <= image->head.shape.layers) {
    return block_is_right(image, check->layer++) ? MMF_GOES_ON : MMF_WRONG;
  }
  if (check->rows < image->head.shape.vocab) return row_is_right(image, check->rows++) ? MMF_GOES_ON : MMF_WRONG;
  if (check->ternary == image->head.sections[MMF_TERNARY].length) return MMF_RIGHT;
  bool is_right;
  check->ternary = check_trits(image, check->ternary, &is_right);
  return is_right ? MMF_GOES_ON : MMF_WRONG;
}
