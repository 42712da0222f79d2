/* Bytes in memory. Of libraries the core needs two functions, which compilers call by themselves as well. */
#ifndef MMF_BYTES_H
#define MMF_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t length);
void *memset(void *to, int byte, size_t length);

/* Bytes of a text, without the zero at its end. */
static inline uint32_t mmf_text_length(const char *text) {
  uint32_t length = 0;
  while (text[length] != 0) length++;
  return length;
}

static inline bool mmf_equal(const void *a, const void *b, uint32_t length) {
  const uint8_t *left = a, *right = b;
  for (uint32_t index = 0; index < length; index++) {
    if (left[index] != right[index]) return false;
  }
  return true;
}

#endif
