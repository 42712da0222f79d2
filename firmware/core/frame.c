#include "frame.h"

#include "bytes.h"
#include "crc32.h"
#include "little-endian.h"

static void start_frame(struct mmf_frame_reader *reader) {
  reader->on_the_line = reader->length = 0;
  reader->left = 0;
  reader->owes_zero = reader->is_bad = reader->is_text = false;
}

static void append(struct mmf_frame_reader *reader, uint8_t byte) {
  if (reader->length == MMF_MAX_FRAME_BYTES) {
    reader->is_bad = true;
    return;
  }
  reader->bytes[reader->length++] = byte;
}

/* Consistent Overhead Byte Stuffing: a code byte n stands before n − 1 bytes, and a zero behind them but for n = 255. */
static void take_stuffed(struct mmf_frame_reader *reader, uint8_t byte) {
  if (reader->left > 0) {
    reader->left--;
    append(reader, byte);
    return;
  }
  if (reader->owes_zero) append(reader, 0);
  reader->left = (uint8_t)(byte - 1);
  reader->owes_zero = byte != 255;
}

static uint32_t payload_of(uint8_t kind) {
  return kind == MMFREE_FRAME_SYN ? 12 : kind == MMFREE_FRAME_SYN_ACK ? 4 : kind == MMFREE_FRAME_BUSY ? 8 : 0;
}

/* Fields that this kind has not are 0. */
static bool fields_are_right(const struct mmf_frame *frame) {
  if (frame->kind > MMFREE_FRAME_END || frame->window > MMFREE_MAX_WINDOW) return false;
  if (frame->kind == MMFREE_FRAME_DATA) return frame->flags == 0;
  if (frame->length != payload_of(frame->kind) || frame->type != 0 || frame->sequence != 0) return false;
  if (frame->kind == MMFREE_FRAME_ACK) return frame->flags <= MMF_FLAG_AGAIN;
  return frame->acknowledge == 0 && frame->flags == 0;
}

static bool parse(const struct mmf_frame_reader *reader, struct mmf_frame *frame) {
  const uint8_t *bytes = reader->bytes;
  if (reader->is_bad || reader->left > 0 || reader->on_the_line > MMFREE_MAX_ENCODED_BYTES) return false;
  if (reader->length < MMF_FRAME_HEAD_BYTES + MMF_FRAME_CRC_BYTES) return false;
  const uint32_t covered = reader->length - MMF_FRAME_CRC_BYTES;
  if (mmf_crc32(0, bytes, covered) != mmf_u32(bytes + covered)) return false;
  *frame = (struct mmf_frame){bytes[0], bytes[1], bytes[2], bytes[3],
                              bytes[4], bytes[5], covered - MMF_FRAME_HEAD_BYTES, bytes + MMF_FRAME_HEAD_BYTES};
  return fields_are_right(frame);
}

enum mmf_frame_result mmf_frame_take(struct mmf_frame_reader *reader, uint8_t byte, struct mmf_frame *frame) {
  if (byte != 0) {
    if (reader->on_the_line == 0) reader->is_text = !reader->has_heard && byte > 2;
    if (reader->on_the_line <= MMFREE_MAX_ENCODED_BYTES) reader->on_the_line++;
    take_stuffed(reader, byte);
    return MMF_FRAME_INCOMPLETE;
  }
  enum mmf_frame_result result = MMF_FRAME_EMPTY;
  if (reader->on_the_line > 0 && !reader->is_text) result = parse(reader, frame) ? MMF_FRAME_GOOD : MMF_FRAME_BAD;
  if (result == MMF_FRAME_GOOD) reader->has_heard = true;
  start_frame(reader);
  return result;
}

struct stuffing {
  uint8_t *out, *code;
  uint8_t run; /* of the block that is open, its code byte included */
};

static void close_block(struct stuffing *to) {
  *to->code = to->run;
  to->code = to->out++;
  to->run = 1;
}

static void stuff(struct stuffing *to, const uint8_t *bytes, uint32_t length) {
  for (uint32_t index = 0; index < length; index++) {
    /* A full block is closed by what follows it: at the end none does. */
    if (to->run == 255) close_block(to);
    if (bytes[index] == 0) {
      close_block(to);
    } else {
      *to->out++ = bytes[index];
      to->run++;
    }
  }
}

uint32_t mmf_frame_encode(const struct mmf_frame *frame, uint8_t *out) {
  const uint8_t head[MMF_FRAME_HEAD_BYTES] = {frame->kind,        frame->type,   frame->sequence,
                                              frame->acknowledge, frame->window, frame->flags};
  uint8_t crc[MMF_FRAME_CRC_BYTES];
  mmf_put_u32(crc, mmf_crc32(mmf_crc32(0, head, sizeof head), frame->payload, frame->length));
  struct stuffing to = {.out = out + 1, .code = out, .run = 1};
  stuff(&to, head, sizeof head);
  stuff(&to, frame->payload, frame->length);
  stuff(&to, crc, sizeof crc);
  *to.code = to.run;
  *to.out++ = 0;
  return (uint32_t)(to.out - out);
}
