#include "image.h"

#include "little-endian.h"
#include "sha256.h"
#include "text.h"

#define MAX_TEMPLATE_BYTES 32768u
#define MAX_TOKEN_BYTES 256u
#define TERNARY_WEIGHTS(name, rows, columns, gain, slot) +(uint64_t)(rows) * (columns)

bool mmf_seal_read(struct mmf_seal *seal, const uint8_t *bytes, uint32_t length) {
  struct mmf_cbor_reader reader = {bytes, bytes + length, false};
  *seal = (struct mmf_seal){0};
  const uint32_t pairs = mmf_cbor_head(&reader, MMF_CBOR_MAP);
  mmf_cbor_key(&reader, "sha256");
  seal->sha256 = mmf_cbor_bytes(&reader, MMF_SHA256_BYTES);
  if (pairs == 3) {
    mmf_cbor_key(&reader, "signature");
    seal->signature = mmf_cbor_bytes(&reader, 64);
    mmf_cbor_key(&reader, "public_key");
    seal->public_key = mmf_cbor_bytes(&reader, 32);
  }
  return !reader.failed && (pairs == 1 || pairs == 3) && reader.at == reader.end;
}

/* One or more u32. */
static struct mmf_span numbers(struct mmf_cbor_reader *reader) {
  const struct mmf_span span = mmf_cbor_string(reader, MMF_CBOR_BYTES);
  if (span.length == 0 || span.length % 4 != 0) reader->failed = true;
  return span;
}

static void tokens_below(struct mmf_cbor_reader *reader, struct mmf_span tokens, uint32_t vocab) {
  for (uint32_t at = 0; !reader->failed && at < tokens.length; at += 4) {
    if (mmf_u32(tokens.bytes + at) >= vocab) reader->failed = true;
  }
}

/* 2 … 16 of them, ascending, the one of the boot record among them. */
static bool are_end_tokens(struct mmf_span tokens, const struct mmf_shape *shape) {
  bool has_eos = false;
  for (uint32_t at = 0; at < tokens.length; at += 4) {
    const uint32_t token = mmf_u32(tokens.bytes + at);
    if (token >= shape->vocab || (at > 0 && token <= mmf_u32(tokens.bytes + at - 4))) return false;
    has_eos = has_eos || token == shape->eos;
  }
  return has_eos && tokens.length >= 4 * 2 && tokens.length <= 4 * MMF_MAX_END_TOKENS;
}

static void read_model(struct mmf_cbor_reader *reader, struct mmf_image *image) {
  const struct mmf_shape *shape = &image->head.shape;
  const uint32_t pairs = mmf_cbor_head(reader, MMF_CBOR_MAP);
  mmf_cbor_key(reader, "layers");
  mmf_cbor_expect(reader, shape->layers);
  mmf_cbor_key(reader, "vocab_size");
  mmf_cbor_expect(reader, shape->vocab);
  mmf_cbor_key(reader, "hidden_size");
  mmf_cbor_expect(reader, shape->hidden);
  mmf_cbor_key(reader, "bos_token_id");
  mmf_cbor_expect(reader, shape->bos);
  mmf_cbor_key(reader, "eos_token_id");
  mmf_cbor_expect(reader, shape->eos);
  mmf_cbor_key(reader, "rms_norm_eps");
  if (!mmf_is_decimal(mmf_cbor_string(reader, MMF_CBOR_TEXT))) reader->failed = true;
  image->end_tokens = (struct mmf_span){reader->at, 0};
  if (pairs == 9) {
    mmf_cbor_key(reader, "eos_token_ids");
    image->end_tokens = numbers(reader);
    if (reader->failed || !are_end_tokens(image->end_tokens, shape)) reader->failed = true;
  }
  mmf_cbor_key(reader, "use_lower_bound");
  mmf_cbor_boolean(reader);
  mmf_cbor_key(reader, "intermediate_size");
  mmf_cbor_expect(reader, shape->intermediate);
  if (pairs != 8 && pairs != 9) reader->failed = true;
}

static void read_source(struct mmf_cbor_reader *reader) {
  mmf_cbor_map(reader, 3);
  mmf_cbor_key(reader, "dtypes");
  if (!mmf_is_dtypes(mmf_cbor_string(reader, MMF_CBOR_TEXT))) reader->failed = true;
  mmf_cbor_key(reader, "packer");
  if (!mmf_is_packer(mmf_cbor_string(reader, MMF_CBOR_TEXT))) reader->failed = true;
  mmf_cbor_key(reader, "checkpoint_sha256");
  mmf_cbor_bytes(reader, MMF_SHA256_BYTES);
}

/* The map has its keys in the order of their encoding, which is not that of the sections. */
static void read_hashes(struct mmf_cbor_reader *reader, const uint8_t *hashes[MMF_SECTIONS]) {
  static const struct {
    const char *key;
    enum mmf_section section;
  } order[MMF_SECTIONS] = {{"tables", MMF_TABLES},
                           {"ternary", MMF_TERNARY},
                           {"vectors", MMF_VECTORS},
                           {"embedding", MMF_EMBEDDING},
                           {"tokenizer", MMF_TOKENIZER}};
  mmf_cbor_map(reader, MMF_SECTIONS);
  for (uint32_t index = 0; index < MMF_SECTIONS; index++) {
    mmf_cbor_key(reader, order[index].key);
    hashes[order[index].section] = mmf_cbor_bytes(reader, MMF_SHA256_BYTES);
  }
}

/* A receipt for every token of prompt and continuation but the last. */
static void read_self_test(struct mmf_cbor_reader *reader, struct mmf_image *image) {
  mmf_cbor_map(reader, 3);
  mmf_cbor_key(reader, "prompt");
  image->prompt = numbers(reader);
  mmf_cbor_key(reader, "tokens");
  image->continuation = numbers(reader);
  mmf_cbor_key(reader, "receipts");
  image->receipts = numbers(reader);
  tokens_below(reader, image->prompt, image->head.shape.vocab);
  tokens_below(reader, image->continuation, image->head.shape.vocab);
  if (image->receipts.length + 4 != image->prompt.length + image->continuation.length) reader->failed = true;
}

static void read_text(struct mmf_cbor_reader *reader, uint32_t least, uint32_t most) {
  const struct mmf_span text = mmf_cbor_string(reader, MMF_CBOR_TEXT);
  if (text.length < least || text.length > most || !mmf_is_utf8(text)) reader->failed = true;
}

/* How conversations are written: nothing that a board makes use of. Tokens in the order of their encoding. */
static void read_chat(struct mmf_cbor_reader *reader) {
  static const char *const tokens[] = {"bos_token", "cls_token", "eos_token", "pad_token",
                                       "sep_token", "unk_token", "mask_token"};
  uint32_t pairs = mmf_cbor_head(reader, MMF_CBOR_MAP);
  mmf_cbor_key(reader, "template");
  read_text(reader, 1, MAX_TEMPLATE_BYTES);
  for (uint32_t token = 0; token < sizeof tokens / sizeof *tokens; token++) {
    if (!mmf_cbor_has_key(reader, tokens[token])) continue;
    read_text(reader, 0, MAX_TOKEN_BYTES);
    pairs--;
  }
  if (pairs != 1) reader->failed = true;
}

static uint64_t ternary_weights(const struct mmf_shape *shape) {
#define HIDDEN shape->hidden
#define INTERMEDIATE shape->intermediate
#define VOCAB shape->vocab
  const uint64_t layer = 0 MMFREE_LAYER_MATRICES(TERNARY_WEIGHTS);
  return shape->layers * layer MMFREE_HEAD_MATRICES(TERNARY_WEIGHTS);
}

static void read_manifest(struct mmf_cbor_reader *reader, struct mmf_image *image) {
  const uint8_t *first = reader->at;
  uint32_t pairs = mmf_cbor_head(reader, MMF_CBOR_MAP);
  if (mmf_cbor_has_key(reader, "chat")) {
    read_chat(reader);
    pairs--;
  }
  if (pairs != 6) reader->failed = true;
  mmf_cbor_key(reader, "name");
  image->name = mmf_cbor_string(reader, MMF_CBOR_TEXT);
  if (!mmf_is_name(image->name)) reader->failed = true;
  mmf_cbor_key(reader, "model");
  read_model(reader, image);
  mmf_cbor_key(reader, "source");
  read_source(reader);
  mmf_cbor_key(reader, "sections");
  read_hashes(reader, image->section_hashes);
  mmf_cbor_key(reader, "self_test");
  read_self_test(reader, image);
  mmf_cbor_key(reader, "ternary_weights");
  if (mmf_cbor_count(reader) != ternary_weights(&image->head.shape)) reader->failed = true;
  if (reader->at - first > MMFREE_MAX_MANIFEST_BYTES) reader->failed = true;
}

/* Bytes of the head of a byte string. */
static uint32_t head_bytes(uint32_t length) {
  return length < 24 ? 1 : length < 0x100 ? 2 : length < 0x10000 ? 3 : 5;
}

/* Padding of zeros and the head of a section, so that its content is where the container has it. */
static void read_section(struct mmf_cbor_reader *reader, const uint8_t *file, uint32_t offset, uint32_t length) {
  const uint32_t from = (uint32_t)(reader->at - file);
  /* The first multiple of 4,096 that a padding of some length leads to: 25 and 258 bytes are none's. */
  uint32_t right = (from + head_bytes(length) + MMFREE_SECTION_ALIGNMENT) & ~(MMFREE_SECTION_ALIGNMENT - 1u);
  const uint32_t gap = right - from - head_bytes(length);
  if (gap == 25 || gap == 258) right += MMFREE_SECTION_ALIGNMENT;
  const struct mmf_span padding = mmf_cbor_string(reader, MMF_CBOR_BYTES);
  for (uint32_t index = 0; index < padding.length; index++) {
    if (padding.bytes[index] != 0) reader->failed = true;
  }
  const struct mmf_span section = mmf_cbor_string(reader, MMF_CBOR_BYTES);
  if (section.length != length || section.bytes != file + offset || offset != right) reader->failed = true;
}

bool mmf_image_read(struct mmf_image *image, const uint8_t *bytes, uint32_t length) {
  if (length < MMF_HEAD_BYTES || !mmf_head_read(&image->head, bytes) || image->head.file_length != length) return false;
  image->bytes = bytes;
  struct mmf_cbor_reader reader = {bytes + MMFREE_MANIFEST_OFFSET, bytes + length, false};
  read_manifest(&reader, image);
  for (uint32_t section = 0; section < MMF_SECTIONS && !reader.failed; section++) {
    read_section(&reader, bytes, image->head.sections[section].offset, image->head.sections[section].length);
  }
  if (reader.failed) return false;
  image->seal = (uint32_t)(reader.at - bytes);
  struct mmf_seal seal;
  if (!mmf_seal_read(&seal, reader.at, length - image->seal)) return false;
  image->sha256 = seal.sha256;
  return true;
}

bool mmf_image_ends(const struct mmf_image *image, uint32_t token) {
  if (token == image->head.shape.eos) return true;
  for (uint32_t at = 0; at < image->end_tokens.length; at += 4) {
    if (mmf_u32(image->end_tokens.bytes + at) == token) return true;
  }
  return false;
}
