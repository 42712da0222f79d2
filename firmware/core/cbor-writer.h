/* Writes deterministic CBOR (RFC 8949, 4.2.1); the caller brings the keys of a map in their order. */
#ifndef MMF_CBOR_WRITER_H
#define MMF_CBOR_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "cbor-reader.h"

/* Room is the caller's business: HELLO and INFO have a bound far below that of a message. */
struct mmf_cbor_writer {
  uint8_t *at;
};

void mmf_cbor_put_map(struct mmf_cbor_writer *writer, uint32_t pairs);
void mmf_cbor_put_key(struct mmf_cbor_writer *writer, const char *key);
void mmf_cbor_put_number(struct mmf_cbor_writer *writer, const char *key, uint64_t value);
void mmf_cbor_put_text(struct mmf_cbor_writer *writer, const char *key, const char *text);
void mmf_cbor_put_string(struct mmf_cbor_writer *writer, const char *key, enum mmf_cbor type, struct mmf_span span);
void mmf_cbor_put_boolean(struct mmf_cbor_writer *writer, const char *key, bool value);
/* Of texts. */
void mmf_cbor_put_array(struct mmf_cbor_writer *writer, const char *key, const char *const *texts, uint32_t count);

#endif
