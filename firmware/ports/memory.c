/* The two functions that the core needs, and that compilers call by themselves. Build with -fno-tree-loop-distribute-patterns. */
#include "bytes.h"

void *memcpy(void *restrict to, const void *restrict from, size_t length) {
  uint8_t *target = to;
  const uint8_t *source = from;
  if ((((uintptr_t)target | (uintptr_t)source) & 3) == 0) {
    for (; length >= 4; length -= 4, target += 4, source += 4) {
      *(uint32_t *)(void *)target = *(const uint32_t *)(const void *)source;
    }
  }
  while (length-- > 0) *target++ = *source++;
  return to;
}

void *memset(void *to, int byte, size_t length) {
  uint8_t *target = to;
  const uint32_t word = (uint8_t)byte * 0x01010101u;
  for (; length > 0 && ((uintptr_t)target & 3) != 0; length--) *target++ = (uint8_t)byte;
  for (; length >= 4; length -= 4, target += 4) *(uint32_t *)(void *)target = word;
  while (length-- > 0) *target++ = (uint8_t)byte;
  return to;
}
