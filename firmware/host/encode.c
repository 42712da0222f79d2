/*
 * `encode TOKENIZER VOCAB`: tokens of texts, for tests. Each line of standard input is a text; its tokens come out on a line,
 * behind the bytes that they stand for, in hexadecimal digits.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tokenizer.h"

static uint8_t json[8 << 20];

int main(int count, char **arguments) {
  FILE *file = count == 3 ? fopen(arguments[1], "rb") : 0;
  if (file == 0) return 2;
  const uint32_t length = (uint32_t)fread(json, 1, sizeof json, file);
  struct mmf_tokenizer tokenizer = {0};
  if (!mmf_tokenizer_open(&tokenizer, (struct mmf_span){json, length})) return 1;
  char line[MMF_MOST_TEXT_BYTES + 2];
  while (fgets(line, sizeof line, stdin) != 0) {
    uint16_t tokens[MMF_MOST_TEXT_BYTES];
    const uint32_t found = mmf_tokenizer_encode(&tokenizer, (const uint8_t *)line, (uint32_t)strcspn(line, "\n"),
                                                (uint32_t)atoi(arguments[2]), tokens);
    for (uint32_t index = 0; index < found; index++) {
      uint8_t bytes[MMF_MOST_TOKEN_BYTES];
      const uint32_t size = mmf_tokenizer_bytes(&tokenizer, tokens[index], bytes);
      for (uint32_t byte = 0; byte < size; byte++) printf("%02x", bytes[byte]);
    }
    for (uint32_t index = 0; index < found; index++) printf(" %u", tokens[index]);
    printf("\n");
  }
  return 0;
}
