/* state.1: docs/PROTOCOL.md, section 8, and docs/STATE.md. */
#include "bytes.h"
#include "crc32.h"
#include "little-endian.h"
#include "requests.h"

#define MOST_WORDS 1000u
#define LARGEST_WORD 1073709056 /* 32,768 · 32,767: docs/STATE.md, section 1 */

static uint32_t word_count(const struct mmf_board *board) {
  return board->image.head.shape.layers * board->image.head.shape.hidden;
}

static void keep(struct mmf_board *board, struct mmf_answer *answer) {
  const uint32_t words = word_count(board);
  memcpy(board->kept, board->model.state, 4 * (size_t)words);
  board->has_kept = true;
  board->kept_position = board->position;
  uint8_t *to = mmf_answer_with(answer, MMFREE_MESSAGE_STATE_KEPT, 12);
  mmf_put_u32(to, board->position);
  mmf_put_u32(to + 4, words);
  mmf_put_u32(to + 8, mmf_crc32(0, board->kept, 4 * (size_t)words));
}

/* first word u32, count u32 */
static void read(const struct mmf_board *board, const uint8_t *bytes, struct mmf_answer *answer) {
  const uint32_t first = mmf_u32(bytes), count = mmf_u32(bytes + 4), words = board->has_kept ? word_count(board) : 0;
  if (first > words || count > words - first) {
    mmf_answer_error(answer, MMFREE_MESSAGE_STATE_READ, MMFREE_ERROR_WRITE_OUT_OF_ORDER, first, 0);
    return;
  }
  uint8_t *to = mmf_answer_with(answer, MMFREE_MESSAGE_STATE_DATA, 4 + 4 * count);
  mmf_put_u32(to, first);
  memcpy(to + 4, board->kept + first, 4 * (size_t)count);
}

/* first word u32, words */
static void write(struct mmf_board *board, const struct mmf_message *request, struct mmf_answer *answer) {
  const uint32_t first = mmf_u32(request->payload), count = request->length / 4 - 1, words = word_count(board);
  const uint8_t *from = request->payload + 4;
  for (uint32_t index = 0; index < count; index++) {
    const int32_t word = (int32_t)mmf_u32(from + 4 * index);
    if (word > LARGEST_WORD || word < -LARGEST_WORD) {
      mmf_answer_error(answer, request->type, MMFREE_ERROR_MALFORMED_PAYLOAD, request->length, 0);
      return;
    }
  }
  if (first > words || count > words - first) {
    mmf_answer_error(answer, request->type, MMFREE_ERROR_WRITE_OUT_OF_ORDER, first, 0);
    return;
  }
  memcpy(board->brought + first, from, 4 * (size_t)count);
}

/* position u32, CRC-32 u32 */
static void take(struct mmf_board *board, const uint8_t *bytes, struct mmf_answer *answer) {
  const size_t length = 4 * (size_t)word_count(board);
  const bool is_right = mmf_crc32(0, board->brought, length) == mmf_u32(bytes + 4);
  if (is_right) {
    memcpy(board->model.state, board->brought, length);
    board->position = mmf_u32(bytes);
    mmf_answer_done(answer, MMFREE_MESSAGE_STATE_TAKE);
  } else {
    mmf_answer_error(answer, MMFREE_MESSAGE_STATE_TAKE, MMFREE_ERROR_IMAGE_DAMAGED, 0, 0);
  }
  memset(board->brought, 0, length);
}

static bool has_right_length(const struct mmf_message *request) {
  switch (request->type) {
    case MMFREE_MESSAGE_STATE_KEEP: return request->length == 0;
    case MMFREE_MESSAGE_STATE_READ: {
      return request->length == 8 && mmf_u32(request->payload + 4) >= 1 && mmf_u32(request->payload + 4) <= MOST_WORDS;
    }
    case MMFREE_MESSAGE_STATE_WRITE: {
      return request->length >= 8 && request->length <= 4 + 4 * MOST_WORDS && request->length % 4 == 0;
    }
    default: return request->length == 8;
  }
}

bool mmf_state_request(struct mmf_board *board, const struct mmf_message *request, struct mmf_answer *answer) {
  const uint8_t type = request->type;
  if (type < MMFREE_MESSAGE_STATE_KEEP || type > MMFREE_MESSAGE_STATE_TAKE) return false;
  const struct mmf_run *run = &board->run;
  const bool is_running = run->is_going || (run->is_known && run->has_reader && !run->is_ended_sent);
  const bool is_for_all = type == MMFREE_MESSAGE_STATE_KEEP || type == MMFREE_MESSAGE_STATE_READ;
  if (is_running && !is_for_all) mmf_answer_error(answer, type, MMFREE_ERROR_BUSY, run->run, 0);
  else if (!has_right_length(request)) mmf_answer_error(answer, type, MMFREE_ERROR_MALFORMED_PAYLOAD, request->length, 0);
  else if (!board->has_image) mmf_answer_error(answer, type, MMFREE_ERROR_NO_IMAGE, 0, 0);
  else if (type == MMFREE_MESSAGE_STATE_KEEP) keep(board, answer);
  else if (type == MMFREE_MESSAGE_STATE_READ) read(board, request->payload, answer);
  else if (type == MMFREE_MESSAGE_STATE_WRITE) write(board, request, answer);
  else take(board, request->payload, answer);
  return true;
}
