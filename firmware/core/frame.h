/* Frames: docs/PROTOCOL.md, section 1. */
#ifndef MMF_FRAME_H
#define MMF_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "mmfree.h"

#define MMF_FRAME_HEAD_BYTES 6
#define MMF_FRAME_CRC_BYTES 4
#define MMF_MAX_FRAME_BYTES (MMF_FRAME_HEAD_BYTES + MMFREE_MAX_PAYLOAD_BYTES + MMF_FRAME_CRC_BYTES)

enum { MMF_FLAG_AGAIN = 1 };

struct mmf_frame {
  uint8_t kind, type, sequence, acknowledge, window, flags;
  uint32_t length; /* of the payload */
  const uint8_t *payload;
};

enum mmf_frame_result {
  MMF_FRAME_INCOMPLETE,
  MMF_FRAME_GOOD,
  MMF_FRAME_BAD,
  MMF_FRAME_EMPTY /* between two zeros, or boot text */
};

/* Takes the stuffing off as bytes come. All 0 at first. */
struct mmf_frame_reader {
  uint32_t on_the_line; /* bytes of this frame so far, stuffing included */
  uint32_t length;      /* without it */
  uint8_t left;         /* bytes until the next code byte */
  bool owes_zero, is_bad, is_text, has_heard;
  uint8_t bytes[MMF_MAX_FRAME_BYTES];
};

/* The next byte; a good frame points into the reader, until the next byte. */
enum mmf_frame_result mmf_frame_take(struct mmf_frame_reader *reader, uint8_t byte, struct mmf_frame *frame);

/* The frame as it is on the line, with its zero. out: room for MMFREE_MAX_ENCODED_BYTES + 1. Returns its length. */
uint32_t mmf_frame_encode(const struct mmf_frame *frame, uint8_t *out);

#endif
