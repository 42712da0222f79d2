/*
 * Inputs of a fuzz target without libFuzzer: `replay COUNT SEED FILE…` gives it each file, then as many mutants of them, the
 * same for the same seed.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_BYTES 65536u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t state;

/* xorshift64* */
static uint32_t below(uint32_t limit) {
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return (uint32_t)((state * 0x2545f4914f6cdd1dull) >> 32) % limit;
}

/* Some bytes are changed, and a piece moves, goes, or comes twice. */
static uint32_t mutate(uint8_t *bytes, uint32_t length) {
  for (uint32_t left = below(8); left > 0 && length > 0; left--) {
    bytes[below(length)] = (uint8_t)(below(2) == 0 ? below(256) : below(9));
  }
  if (length < 4 || below(2) == 0) return length;
  const uint32_t from = below(length), piece = below(length - from), to = below(length - piece);
  memmove(bytes + to, bytes + from, piece);
  return below(4) == 0 ? to + piece : length;
}

static uint32_t load(const char *path, uint8_t *bytes) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    perror(path);
    exit(2);
  }
  const size_t length = fread(bytes, 1, MOST_BYTES, file);
  fclose(file);
  return (uint32_t)length;
}

int main(int count, char **arguments) {
  static uint8_t bytes[MOST_BYTES];
  if (count < 4) {
    fputs("usage: replay COUNT SEED FILE...\n", stderr);
    return 2;
  }
  state = strtoull(arguments[2], NULL, 10) + 1;
  for (int file = 3; file < count; file++) LLVMFuzzerTestOneInput(bytes, load(arguments[file], bytes));
  for (long left = atol(arguments[1]); left > 0; left--) {
    uint32_t length = load(arguments[3 + (int)below((uint32_t)count - 3)], bytes);
    LLVMFuzzerTestOneInput(bytes, mutate(bytes, length));
  }
  return 0;
}
