#include "cbor-reader.h"

#include "bytes.h"

static bool has(const struct mmf_cbor_reader *reader, uint64_t length) {
  return !reader->failed && (uint64_t)(reader->end - reader->at) >= length;
}

static uint64_t head(struct mmf_cbor_reader *reader, enum mmf_cbor type) {
  if (!has(reader, 1) || *reader->at >> 5 != (uint8_t)type) {
    reader->failed = true;
    return 0;
  }
  const uint32_t info = *reader->at & 31;
  if (info < 24) {
    reader->at++;
    return info;
  }
  const uint32_t length = info <= 27 ? 1u << (info - 24) : 9;
  if (length > 8 || !has(reader, 1 + length)) {
    reader->failed = true;
    return 0;
  }
  uint64_t value = 0;
  for (uint32_t byte = 1; byte <= length; byte++) value = value << 8 | reader->at[byte];
  reader->at += 1 + length;
  /* The next shorter form would have held less. */
  const uint64_t least = length == 1 ? 24 : (uint64_t)1 << (4 * length);
  if (value < least) reader->failed = true;
  return value;
}

uint32_t mmf_cbor_head(struct mmf_cbor_reader *reader, enum mmf_cbor type) {
  const uint64_t value = head(reader, type);
  if (value > UINT32_MAX) reader->failed = true;
  return reader->failed ? 0 : (uint32_t)value;
}

uint64_t mmf_cbor_count(struct mmf_cbor_reader *reader) {
  const uint64_t value = head(reader, MMF_CBOR_UNSIGNED);
  if (value >= (uint64_t)1 << 53) reader->failed = true;
  return reader->failed ? 0 : value;
}

void mmf_cbor_map(struct mmf_cbor_reader *reader, uint32_t pairs) {
  if (mmf_cbor_head(reader, MMF_CBOR_MAP) != pairs) reader->failed = true;
}

bool mmf_span_is(struct mmf_span span, const char *text) {
  const uint32_t length = mmf_text_length(text);
  return span.length == length && mmf_equal(span.bytes, text, length);
}

bool mmf_cbor_has_key(struct mmf_cbor_reader *reader, const char *key) {
  const struct mmf_cbor_reader before = *reader;
  const struct mmf_span text = mmf_cbor_string(reader, MMF_CBOR_TEXT);
  if (!reader->failed && mmf_span_is(text, key)) return true;
  *reader = before;
  return false;
}

void mmf_cbor_key(struct mmf_cbor_reader *reader, const char *key) {
  if (!mmf_cbor_has_key(reader, key)) reader->failed = true;
}

void mmf_cbor_expect(struct mmf_cbor_reader *reader, uint32_t value) {
  if (mmf_cbor_head(reader, MMF_CBOR_UNSIGNED) != value) reader->failed = true;
}

struct mmf_span mmf_cbor_string(struct mmf_cbor_reader *reader, enum mmf_cbor type) {
  const uint32_t length = mmf_cbor_head(reader, type);
  if (!has(reader, length)) {
    reader->failed = true;
    return (struct mmf_span){reader->at, 0};
  }
  const struct mmf_span span = {reader->at, length};
  reader->at += length;
  return span;
}

const uint8_t *mmf_cbor_bytes(struct mmf_cbor_reader *reader, uint32_t length) {
  const struct mmf_span span = mmf_cbor_string(reader, MMF_CBOR_BYTES);
  if (span.length != length) reader->failed = true;
  return span.bytes;
}

bool mmf_cbor_boolean(struct mmf_cbor_reader *reader) {
  if (!has(reader, 1) || (*reader->at & 0xfe) != 0xf4) {
    reader->failed = true;
    return false;
  }
  return *reader->at++ == 0xf5;
}
