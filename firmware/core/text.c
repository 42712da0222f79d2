#include "text.h"

#include "bytes.h"

#define MOST_BYTES 64u

/* Controls, formats, separators of lines and paragraphs (Unicode's Cc, Cf, Zl, Zp): first and last of each range. */
static const uint32_t UNPRINTABLE[][2] = {
    {0x0, 0x1f},         {0x7f, 0x9f},       {0xad, 0xad},       {0x600, 0x605},     {0x61c, 0x61c},
    {0x6dd, 0x6dd},      {0x70f, 0x70f},     {0x890, 0x891},     {0x8e2, 0x8e2},     {0x180e, 0x180e},
    {0x200b, 0x200f},    {0x2028, 0x202e},   {0x2060, 0x2064},   {0x2066, 0x206f},   {0xfeff, 0xfeff},
    {0xfff9, 0xfffb},    {0x110bd, 0x110bd}, {0x110cd, 0x110cd}, {0x13430, 0x1343f}, {0x1bca0, 0x1bca3},
    {0x1d173, 0x1d17a},  {0xe0001, 0xe0001}, {0xe0020, 0xe007f},
};

static bool is_printable(uint32_t character) {
  for (uint32_t range = 0; range < sizeof UNPRINTABLE / sizeof *UNPRINTABLE; range++) {
    if (character >= UNPRINTABLE[range][0] && character <= UNPRINTABLE[range][1]) return false;
  }
  return true;
}

/* The character at the beginning of the text, and how many bytes it has: 0 if it is no UTF-8 (RFC 3629, section 4). */
static uint32_t character_of(struct mmf_span text, uint32_t *character) {
  const uint32_t first = text.bytes[0];
  const uint32_t length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (length == 0 || length > text.length) return 0;
  *character = length == 1 ? first : first & (0x7fu >> length);
  for (uint32_t byte = 1; byte < length; byte++) {
    if (text.bytes[byte] >> 6 != 2) return 0;
    *character = *character << 6 | (text.bytes[byte] & 63);
  }
  static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = *character >= 0xd800 && *character <= 0xdfff;
  return *character < least[length] || is_surrogate || *character > 0x10ffff ? 0 : length;
}

bool mmf_is_utf8(struct mmf_span text) {
  while (text.length > 0) {
    uint32_t character = 0;
    const uint32_t length = character_of(text, &character);
    if (length == 0) return false;
    text.bytes += length;
    text.length -= length;
  }
  return true;
}

bool mmf_is_name(struct mmf_span text) {
  if (text.length < 1 || text.length > MOST_BYTES) return false;
  while (text.length > 0) {
    uint32_t character = 0;
    const uint32_t length = character_of(text, &character);
    if (length == 0 || !is_printable(character)) return false;
    text.bytes += length;
    text.length -= length;
  }
  return true;
}

static bool is_digit(uint8_t byte) {
  return byte >= '0' && byte <= '9';
}

bool mmf_is_decimal(struct mmf_span text) {
  for (uint32_t index = 0; index < text.length; index++) {
    const uint8_t byte = text.bytes[index];
    if (!is_digit(byte) && byte != '.' && byte != 'e' && byte != 'E' && byte != '+' && byte != '-') return false;
  }
  return text.length >= 1 && text.length <= MOST_BYTES;
}

bool mmf_is_packer(struct mmf_span text) {
  static const char name[7] = "mmfree/";
  if (text.length <= sizeof name || text.length > MOST_BYTES || !mmf_equal(text.bytes, name, sizeof name)) return false;
  for (uint32_t index = sizeof name; index < text.length; index++) {
    if (!is_digit(text.bytes[index]) && text.bytes[index] != '.') return false;
  }
  return true;
}

bool mmf_is_dtypes(struct mmf_span text) {
  static const struct {
    char name[5];
    uint8_t length;
  } types[3] = {{"F32", 3}, {"F16", 3}, {"BF16", 4}};
  uint32_t at = 0;
  for (uint32_t type = 0; type < 3; type++) {
    const uint32_t length = types[type].length;
    if (text.length - at < length || !mmf_equal(text.bytes + at, types[type].name, length)) continue;
    at += length;
    if (at == text.length) return true;
    if (text.bytes[at++] != '+') return false;
  }
  return false;
}
