#include "cbor-writer.h"

#include "bytes.h"

static void put_head(struct mmf_cbor_writer *writer, enum mmf_cbor type, uint64_t value) {
  const uint32_t size = value < 24 ? 0 : value < 0x100 ? 1 : value < 0x10000 ? 2 : value <= UINT32_MAX ? 4 : 8;
  const uint32_t info = size == 0 ? (uint32_t)value : size == 1 ? 24 : size == 2 ? 25 : size == 4 ? 26 : 27;
  *writer->at++ = (uint8_t)((uint32_t)type << 5 | info);
  for (uint32_t byte = size; byte > 0; byte--) *writer->at++ = (uint8_t)(value >> (8 * (byte - 1)));
}

static void put_text(struct mmf_cbor_writer *writer, const char *text) {
  const uint32_t length = mmf_text_length(text);
  put_head(writer, MMF_CBOR_TEXT, length);
  memcpy(writer->at, text, length);
  writer->at += length;
}

void mmf_cbor_put_map(struct mmf_cbor_writer *writer, uint32_t pairs) {
  put_head(writer, MMF_CBOR_MAP, pairs);
}

void mmf_cbor_put_key(struct mmf_cbor_writer *writer, const char *key) {
  put_text(writer, key);
}

void mmf_cbor_put_number(struct mmf_cbor_writer *writer, const char *key, uint64_t value) {
  put_text(writer, key);
  put_head(writer, MMF_CBOR_UNSIGNED, value);
}

void mmf_cbor_put_text(struct mmf_cbor_writer *writer, const char *key, const char *text) {
  put_text(writer, key);
  put_text(writer, text);
}

void mmf_cbor_put_string(struct mmf_cbor_writer *writer, const char *key, enum mmf_cbor type, struct mmf_span span) {
  put_text(writer, key);
  put_head(writer, type, span.length);
  memcpy(writer->at, span.bytes, span.length);
  writer->at += span.length;
}

void mmf_cbor_put_boolean(struct mmf_cbor_writer *writer, const char *key, bool value) {
  put_text(writer, key);
  *writer->at++ = value ? 0xf5 : 0xf4;
}

void mmf_cbor_put_array(struct mmf_cbor_writer *writer, const char *key, const char *const *texts, uint32_t count) {
  put_text(writer, key);
  put_head(writer, MMF_CBOR_ARRAY, count);
  for (uint32_t index = 0; index < count; index++) put_text(writer, texts[index]);
}
