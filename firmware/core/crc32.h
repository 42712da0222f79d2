/* CRC-32/ISO-HDLC of frames, receipts and states, and CRC-32C of the sectors of a flash (RFC 3720). */
#ifndef MMF_CRC32_H
#define MMF_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* Goes on behind `crc`, which is 0 at first. */
uint32_t mmf_crc32(uint32_t crc, const void *bytes, size_t length);
uint32_t mmf_crc32c(uint32_t crc, const void *bytes, size_t length);

#endif
