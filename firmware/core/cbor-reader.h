/*
 * Reads CBOR whose form is known: each call says what must come next, in its only encoding (RFC 8949, 4.2.1). What is
 * anything else ends the reading: `failed` stays set, and all further calls give nothing. So hostile bytes are never
 * followed, and depth, counts and order of keys need no checks of their own.
 */
#ifndef MMF_CBOR_READER_H
#define MMF_CBOR_READER_H

#include <stdbool.h>
#include <stdint.h>

enum mmf_cbor { MMF_CBOR_UNSIGNED, MMF_CBOR_NEGATIVE, MMF_CBOR_BYTES, MMF_CBOR_TEXT, MMF_CBOR_ARRAY, MMF_CBOR_MAP };

struct mmf_cbor_reader {
  const uint8_t *at, *end;
  bool failed;
};

struct mmf_span {
  const uint8_t *bytes;
  uint32_t length;
};

/* Whether its bytes are these characters. */
bool mmf_span_is(struct mmf_span span, const char *text);

/* The number in a head of this type, shortest form, below 2^32. */
uint32_t mmf_cbor_head(struct mmf_cbor_reader *reader, enum mmf_cbor type);

/* A number of any size up to 2^53 − 1. */
uint64_t mmf_cbor_count(struct mmf_cbor_reader *reader);

/* Whether a map of so many pairs begins here. */
void mmf_cbor_map(struct mmf_cbor_reader *reader, uint32_t pairs);

/* This key, and nothing else. */
void mmf_cbor_key(struct mmf_cbor_reader *reader, const char *key);

/* Whether this key comes next; it is taken if so. */
bool mmf_cbor_has_key(struct mmf_cbor_reader *reader, const char *key);

/* This number. */
void mmf_cbor_expect(struct mmf_cbor_reader *reader, uint32_t value);

/* Bytes or text, which stay where they are. */
struct mmf_span mmf_cbor_string(struct mmf_cbor_reader *reader, enum mmf_cbor type);

/* Bytes of this length. */
const uint8_t *mmf_cbor_bytes(struct mmf_cbor_reader *reader, uint32_t length);

bool mmf_cbor_boolean(struct mmf_cbor_reader *reader);

#endif
