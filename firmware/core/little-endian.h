/* Numbers of files and messages, at any address. */
#ifndef MMF_LITTLE_ENDIAN_H
#define MMF_LITTLE_ENDIAN_H

#include <stdint.h>

static inline uint32_t mmf_u16(const uint8_t *bytes) {
  return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8;
}

static inline uint32_t mmf_u32(const uint8_t *bytes) {
  return mmf_u16(bytes) | mmf_u16(bytes + 2) << 16;
}

static inline void mmf_put_u16(uint8_t *bytes, uint32_t value) {
  bytes[0] = (uint8_t)value;
  bytes[1] = (uint8_t)(value >> 8);
}

static inline void mmf_put_u32(uint8_t *bytes, uint32_t value) {
  mmf_put_u16(bytes, value);
  mmf_put_u16(bytes + 2, value >> 16);
}

#endif
