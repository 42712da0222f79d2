#include "head.h"

#include "bytes.h"
#include "crc32.h"
#include "little-endian.h"

/* Bytes of a matrix: five rows a byte. */
#define MATRIX_BYTES(rows, columns) ((uint64_t)(((rows) + MMFREE_TRITS_PER_BYTE - 1) / MMFREE_TRITS_PER_BYTE) * (columns))

/* Before the boot record: tag 55799, array of 14, the name, the head of a byte string of 256. */
static const uint8_t BEGINNING[MMFREE_BOOT_RECORD_OFFSET] = {0xd9, 0xd9, 0xf7, 0x8e, 0x68, 'm', 'm',  'f',
                                                             'r',  'e',  'e',  '/',  '1',  0x59, 0x01, 0x00};
static const uint8_t MAGIC[4] = {'M', 'M', 'F', 'B'};

uint32_t mmf_row_bytes(const struct mmf_shape *shape) {
  return 2 + shape->hidden + (shape->hidden & 1);
}

static uint64_t vector_bytes(const struct mmf_shape *shape) {
#define HIDDEN shape->hidden
#define INTERMEDIATE shape->intermediate
#define ADD(name, columns, first, last) +(columns)
  const uint32_t head = MMFREE_BLOCK_CONSTANTS MMFREE_HEAD_VECTORS(ADD);
  const uint32_t layer = MMFREE_BLOCK_CONSTANTS MMFREE_LAYER_VECTORS(ADD);
#undef ADD
  return 2 * (head + (uint64_t)shape->layers * layer);
}

static uint64_t ternary_bytes(const struct mmf_shape *shape) {
#define VOCAB shape->vocab
#define ADD(name, rows, columns, gain, slot) +MATRIX_BYTES(rows, columns)
  const uint64_t head = 0 MMFREE_HEAD_MATRICES(ADD);
  const uint64_t layer = 0 MMFREE_LAYER_MATRICES(ADD);
#undef ADD
  return head + shape->layers * layer;
}

static bool is_within(uint32_t value, uint32_t least, uint32_t most) {
  return value >= least && value <= most;
}

static bool is_proven(const struct mmf_shape *shape) {
  return is_within(shape->vocab, 2, MMFREE_MAX_VOCAB_SIZE) && is_within(shape->hidden, 1, MMFREE_MAX_HIDDEN_SIZE) &&
         is_within(shape->intermediate, 1, MMFREE_MAX_INTERMEDIATE_SIZE) &&
         is_within(shape->layers, 1, MMFREE_MAX_LAYERS) && shape->bos < shape->vocab && shape->eos < shape->vocab;
}

/* Nothing stands behind the end of a program, which is its first word of 0. */
static bool program_ends(const uint8_t *program) {
  bool has_ended = false;
  for (uint32_t word = 0; word < MMFREE_PROGRAM_WORDS; word++) {
    const bool is_empty = mmf_u16(program + 2 * word) == 0;
    if (has_ended && !is_empty) return false;
    has_ended = is_empty;
  }
  return true;
}

/* Sizes of sections are those of the shape, and their places ascend within the file. */
static bool sections_fit(const struct mmf_head *head) {
  const uint64_t lengths[MMF_TOKENIZER] = {2 * (257 + 256), vector_bytes(&head->shape),
                                           (uint64_t)head->shape.vocab * mmf_row_bytes(&head->shape),
                                           ternary_bytes(&head->shape)};
  uint64_t end = MMF_HEAD_BYTES;
  for (int section = 0; section < MMF_SECTIONS; section++) {
    const uint32_t offset = head->sections[section].offset, length = head->sections[section].length;
    if (section < MMF_TOKENIZER && length != lengths[section]) return false;
    if (offset % MMFREE_SECTION_ALIGNMENT != 0 || offset <= end) return false;
    end = (uint64_t)offset + length;
  }
  return end < head->file_length;
}

bool mmf_head_read(struct mmf_head *head, const uint8_t *bytes) {
  const uint8_t *record = bytes + MMFREE_BOOT_RECORD_OFFSET;
  if (!mmf_equal(bytes, BEGINNING, sizeof BEGINNING)) return false;
  if (!mmf_equal(record + MMFREE_AT_MAGIC, MAGIC, sizeof MAGIC)) return false;
  if (mmf_crc32(0, record, MMFREE_AT_CRC) != mmf_u32(record + MMFREE_AT_CRC)) return false;
  if (mmf_u16(record + MMFREE_AT_VERSION) != 1 || mmf_u16(record + MMFREE_AT_SIZE) != MMFREE_BOOT_RECORD_BYTES) {
    return false;
  }
  head->shape = (struct mmf_shape){
      .vocab = mmf_u32(record + MMFREE_AT_VOCAB_SIZE),
      .hidden = mmf_u32(record + MMFREE_AT_HIDDEN_SIZE),
      .intermediate = mmf_u32(record + MMFREE_AT_INTERMEDIATE_SIZE),
      .layers = mmf_u32(record + MMFREE_AT_LAYERS),
      .bos = mmf_u32(record + MMFREE_AT_BOS_TOKEN_ID),
      .eos = mmf_u32(record + MMFREE_AT_EOS_TOKEN_ID),
  };
  head->file_length = mmf_u32(record + MMFREE_AT_FILE_LENGTH);
  head->revision = mmf_u32(record + MMFREE_AT_REVISION);
  for (uint32_t section = 0; section < MMF_SECTIONS; section++) {
    head->sections[section].offset = mmf_u32(record + MMFREE_AT_TABLES_OFFSET + 8 * section);
    head->sections[section].length = mmf_u32(record + MMFREE_AT_TABLES_LENGTH + 8 * section);
  }
  return is_proven(&head->shape) && program_ends(record + MMFREE_AT_PROGRAM) && sections_fit(head);
}
