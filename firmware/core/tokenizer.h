/*
 * Text and tokens of a byte-level BPE (docs/TOKENIZERS.md), from the tokenizer.json of the image as it lies in flash: nothing
 * is unpacked, so a prompt costs up to some seconds, and a token's bytes a search. Text is ASCII: which characters are letters
 * would take tables.
 */
#ifndef MMF_TOKENIZER_H
#define MMF_TOKENIZER_H

#include "cbor-reader.h"

#define MMF_MOST_TEXT_BYTES 120u
#define MMF_MOST_TOKEN_BYTES 64u

struct mmf_tokenizer {
  struct mmf_span vocab, merges; /* JSON: an object, an array */
  bool adds_space;               /* in front of a text that begins with none */
  void (*breathe)(void *context); /* between searches of the file, of which a text takes a hundred; 0: nobody waits */
  void *context;
};

/* Both of `breathe` are set already. False for tokenizers of other kinds, and for what is no such JSON. */
bool mmf_tokenizer_open(struct mmf_tokenizer *tokenizer, struct mmf_span json);

/* Bytes of a token, at most MMF_MOST_TOKEN_BYTES; returns how many, 0 for one that has none. */
uint32_t mmf_tokenizer_bytes(const struct mmf_tokenizer *tokenizer, uint32_t token, uint8_t *bytes);

/*
 * Tokens of a text of 1 … MMF_MOST_TEXT_BYTES − 1 bytes of ASCII, as many as it has bytes at most. Returns how many; 0: it
 * cannot be spelled. Names of added tokens are text like any other.
 */
uint32_t mmf_tokenizer_encode(const struct mmf_tokenizer *tokenizer, const uint8_t *text, uint32_t length, uint32_t vocab,
                              uint16_t *tokens);

#endif
