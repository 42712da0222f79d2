/* FLASH_… , CONFIRM, REVERT: docs/PROTOCOL.md, section 6. */
#include "bytes.h"
#include "crc32.h"
#include "little-endian.h"
#include "requests.h"

#define WRITE_BYTES 2048u
#define MOST_SUMS 1000u
#define MOST_READ_BYTES 4000u
#define MOST_SEAL_BYTES 1024u

/* A malformed payload, whose fact is its length. */
static void malformed(const struct mmf_message *request, struct mmf_answer *answer) {
  mmf_answer_error(answer, request->type, MMFREE_ERROR_MALFORMED_PAYLOAD, request->length, 0);
}

static void out_of_order(uint8_t type, struct mmf_answer *answer, uint32_t fact) {
  mmf_answer_error(answer, type, MMFREE_ERROR_WRITE_OUT_OF_ORDER, fact, 0);
}

/* The size that is beyond the board's limits: 1 V, 2 H, 3 I, 4 L; 0 if none is. */
static uint32_t size_beyond(const struct mmf_shape *shape, const struct mmf_shape *limits, uint32_t *limit) {
  const uint32_t sizes[4] = {shape->vocab, shape->hidden, shape->intermediate, shape->layers};
  const uint32_t most[4] = {limits->vocab, limits->hidden, limits->intermediate, limits->layers};
  for (uint32_t size = 0; size < 4; size++) {
    *limit = most[size];
    if (sizes[size] > most[size]) return size + 1;
  }
  return 0;
}

static void ready(struct mmf_board *board, struct mmf_answer *answer) {
  struct mmf_flashing *flashing = &board->flashing;
  flashing->is_open = true;
  flashing->is_of_dfu = flashing->begin_is_of_dfu;
  flashing->slot = board->store.slots == 2 && board->has_image ? 1 - board->slot : 0;
  flashing->length = flashing->begin_length;
  flashing->next = 0;
  flashing->has_sha256 = flashing->begin_has_sha256;
  memcpy(flashing->sha256, flashing->begin_sha256, sizeof flashing->sha256);
  uint8_t *to = mmf_answer_with(answer, MMFREE_MESSAGE_FLASH_READY, 8);
  mmf_put_u32(to, flashing->slot);
  mmf_put_u32(to + 4, flashing->length);
}

/* image length u32, prefix length u16, seal length u16, prefix, seal */
bool mmf_flash_is_begin(const uint8_t *bytes, uint32_t length) {
  if (length < MMF_FLASH_BEGIN_BYTES) return false;
  const uint32_t seal_length = mmf_u16(bytes + 6);
  return mmf_u16(bytes + 4) == MMF_HEAD_BYTES && seal_length >= 1 && seal_length <= MOST_SEAL_BYTES &&
         length == MMF_FLASH_BEGIN_BYTES + MMF_HEAD_BYTES + seal_length;
}

void mmf_flash_begin(struct mmf_board *board, const struct mmf_announcement *announced, struct mmf_answer *answer) {
  const uint8_t type = MMFREE_MESSAGE_FLASH_BEGIN;
  const uint32_t slot_bytes = mmf_store_slot_bytes(&board->store);
  struct mmf_flashing *flashing = &board->flashing;
  struct mmf_head head;
  struct mmf_seal seal;
  uint32_t limit;
  if (!mmf_head_read(&head, announced->prefix) || (announced->seal != 0 && head.file_length != announced->length)) {
    mmf_answer_error(answer, type, MMFREE_ERROR_NOT_AN_IMAGE, 0, 0);
    return;
  }
  const uint32_t beyond = size_beyond(&head.shape, &board->options.limits, &limit);
  if (beyond != 0) {
    mmf_answer_error(answer, type, MMFREE_ERROR_MODEL_TOO_LARGE, beyond, limit);
  } else if (head.file_length > slot_bytes) {
    mmf_answer_error(answer, type, MMFREE_ERROR_IMAGE_TOO_LARGE, head.file_length, slot_bytes);
  } else if (head.revision < board->options.minimum_revision) {
    mmf_answer_error(answer, type, MMFREE_ERROR_REVISION_TOO_OLD, head.revision, board->options.minimum_revision);
  } else if (announced->seal != 0 && !mmf_seal_read(&seal, announced->seal, announced->seal_length)) {
    mmf_answer_error(answer, type, MMFREE_ERROR_NOT_AN_IMAGE, 0, 0);
  } else {
    flashing->is_open = false;
    flashing->begin_length = head.file_length;
    flashing->begin_is_of_dfu = announced->is_of_dfu;
    flashing->begin_has_sha256 = announced->seal != 0;
    if (announced->seal != 0) memcpy(flashing->begin_sha256, seal.sha256, MMF_SHA256_BYTES);
    /* The only image that is known to be good is never erased: an unconfirmed one makes way for the one before. */
    const bool must_go_back = board->store.slots == 2 && board->has_image && !board->store.is_confirmed;
    if (must_go_back && mmf_trial_begin(board, 1 - board->slot, MMF_AFTER_BEGIN)) return;
    ready(board, answer);
  }
}

static void begin(struct mmf_board *board, const struct mmf_message *request, struct mmf_answer *answer) {
  const uint8_t *bytes = request->payload, *prefix = bytes + MMF_FLASH_BEGIN_BYTES;
  if (!mmf_flash_is_begin(bytes, request->length)) {
    malformed(request, answer);
    return;
  }
  const struct mmf_announcement announced = {mmf_u32(bytes), prefix, prefix + MMF_HEAD_BYTES, mmf_u16(bytes + 6), false};
  mmf_flash_begin(board, &announced, answer);
}

/* first sector u32, count u16, 0 u16 */
static void compare(struct mmf_board *board, const struct mmf_message *request, struct mmf_answer *answer) {
  const struct mmf_flashing *flashing = &board->flashing;
  const uint8_t *bytes = request->payload;
  const uint32_t count = request->length == 8 ? mmf_u16(bytes + 4) : 0, sector_bytes = board->store.flash.sector_bytes;
  if (request->length != 8 || count < 1 || count > MOST_SUMS || mmf_u16(bytes + 6) != 0) {
    malformed(request, answer);
    return;
  }
  if (!flashing->is_open) {
    out_of_order(request->type, answer, 0);
    return;
  }
  const uint32_t first = mmf_u32(bytes), sectors = (flashing->length + sector_bytes - 1) / sector_bytes;
  if (first >= sectors || count > sectors - first) {
    out_of_order(request->type, answer, flashing->length);
    return;
  }
  const uint8_t *slot = board->store.flash.bytes + mmf_store_slot_offset(&board->store, flashing->slot);
  uint8_t *to = mmf_answer_with(answer, MMFREE_MESSAGE_FLASH_SUMS, 8 + 4 * count);
  mmf_put_u32(to, first);
  mmf_put_u32(to + 4, count);
  for (uint32_t index = 0; index < count; index++) {
    const uint32_t offset = (first + index) * sector_bytes, left = flashing->length - offset;
    mmf_put_u32(to + 8 + 4 * index, mmf_crc32c(0, slot + offset, left < sector_bytes ? left : sector_bytes));
    if (board->options.breathe != 0) board->options.breathe(board->options.context);
  }
}

void mmf_flash_write(struct mmf_board *board, uint32_t offset, const uint8_t *bytes, uint32_t length, struct mmf_answer *answer) {
  struct mmf_flashing *flashing = &board->flashing;
  const uint8_t type = MMFREE_MESSAGE_FLASH_WRITE;
  if (!flashing->is_open) {
    out_of_order(type, answer, 0);
    return;
  }
  const uint32_t sector_bytes = board->store.flash.sector_bytes;
  const bool is_first = offset % sector_bytes == 0, is_within = offset < flashing->length;
  const uint32_t left = is_within ? flashing->length - offset : 0;
  const bool is_next = offset == flashing->next || (is_first && offset > flashing->next && flashing->next % sector_bytes == 0);
  if (!is_within || !is_next || length != (left < WRITE_BYTES ? left : WRITE_BYTES)) {
    out_of_order(type, answer, offset);
    return;
  }
  /* With one slot the model stops here. */
  if (board->has_image && flashing->slot == board->slot) mmf_board_remove_image(board);
  const uint32_t place = mmf_store_slot_offset(&board->store, flashing->slot) + offset;
  const struct mmf_flash *flash = &board->store.flash;
  const bool is_erased = !is_first || flash->erase(flash->context, place);
  if (!is_erased || !mmf_store_program(&board->store, place, bytes, length)) {
    mmf_answer_error(answer, type, MMFREE_ERROR_FLASH_FAILED, offset, 0);
    return;
  }
  flashing->next = offset + length == flashing->length ? (offset + sector_bytes) / sector_bytes * sector_bytes : offset + length;
}

/* offset u32, data: 2,048 bytes, fewer only at the end; a sector is erased when its first bytes come. */
static void write(struct mmf_board *board, const struct mmf_message *request, struct mmf_answer *answer) {
  const uint32_t offset = request->length >= 4 ? mmf_u32(request->payload) : 1, length = request->length - 4;
  if (offset % WRITE_BYTES != 0 || length < 1 || length > WRITE_BYTES) malformed(request, answer);
  else mmf_flash_write(board, offset, request->payload + 4, length, answer);
}

static void damaged(struct mmf_board *board, uint8_t type, struct mmf_answer *answer) {
  board->flashing.is_open = false;
  mmf_answer_error(answer, type, MMFREE_ERROR_IMAGE_DAMAGED, 0, 0);
}

static void end(struct mmf_board *board, const struct mmf_message *request, struct mmf_answer *answer) {
  if (request->length != 0) {
    malformed(request, answer);
  } else if (!board->flashing.is_open) {
    out_of_order(request->type, answer, 0);
  } else if (!mmf_trial_begin(board, board->flashing.slot, MMF_AFTER_END)) {
    damaged(board, request->type, answer);
  }
}

/* offset u32, length u16, 0 u16 */
static void read(const struct mmf_board *board, const struct mmf_message *request, struct mmf_answer *answer) {
  const uint8_t *bytes = request->payload;
  const uint32_t length = request->length == 8 ? mmf_u16(bytes + 4) : 0;
  if (request->length != 8 || length < 1 || length > MOST_READ_BYTES || mmf_u16(bytes + 6) != 0) {
    malformed(request, answer);
    return;
  }
  if (!board->has_image) {
    mmf_answer_error(answer, request->type, MMFREE_ERROR_NO_IMAGE, 0, 0);
    return;
  }
  const uint32_t offset = mmf_u32(bytes), file = board->image.head.file_length;
  if (offset >= file || length > file - offset) {
    out_of_order(request->type, answer, offset);
    return;
  }
  uint8_t *to = mmf_answer_with(answer, MMFREE_MESSAGE_FLASH_DATA, 4 + length);
  mmf_put_u32(to, offset);
  memcpy(to + 4, board->image.bytes + offset, length);
}

static void confirm(struct mmf_board *board, const struct mmf_message *request, struct mmf_answer *answer) {
  if (request->length != 0) {
    malformed(request, answer);
  } else if (!board->has_image) {
    mmf_answer_error(answer, request->type, MMFREE_ERROR_NO_IMAGE, 0, 0);
  } else if (!board->store.is_confirmed && !mmf_store_record(&board->store, board->slot, true)) {
    mmf_answer_error(answer, request->type, MMFREE_ERROR_FLASH_FAILED, 0, 0);
  } else {
    mmf_answer_done(answer, request->type);
  }
}

static void revert(struct mmf_board *board, const struct mmf_message *request, struct mmf_answer *answer) {
  if (request->length != 0) {
    malformed(request, answer);
    return;
  }
  board->flashing.is_open = false;
  const uint32_t other = board->has_image ? 1 - board->slot : 0;
  if (board->store.slots == 2 && mmf_trial_begin(board, other, MMF_AFTER_REVERT)) return;
  mmf_answer_error(answer, request->type, MMFREE_ERROR_NO_IMAGE, 0, 0);
}

/* The image that ran before the trial of another one that failed runs again, as it was confirmed or not. */
static void run_again(struct mmf_board *board, uint32_t slot) {
  struct mmf_image image;
  if (slot != MMF_NO_SLOT && mmf_store_read(&board->store, slot, &image)) mmf_board_install(board, slot, &image);
}

void mmf_flash_go_back(struct mmf_board *board) {
  const uint32_t before = board->store.slot;
  mmf_board_remove_image(board);
  if (before != board->trial.slot) run_again(board, before);
}

/* It was announced with a hash, or came without. */
static bool is_announced(const struct mmf_board *board) {
  const struct mmf_flashing *flashing = &board->flashing;
  return !flashing->has_sha256 || mmf_equal(board->trial.image.sha256, flashing->sha256, MMF_SHA256_BYTES);
}

static void put_ended(const struct mmf_board *board, struct mmf_answer *answer) {
  mmf_check_file_hash(&board->trial.check, mmf_answer_with(answer, MMFREE_MESSAGE_FLASH_ENDED, MMF_SHA256_BYTES));
}

void mmf_flash_after_trial(struct mmf_board *board, bool is_right, struct mmf_answer *answer) {
  struct mmf_trial *trial = &board->trial;
  if (trial->then == MMF_AFTER_DOWNLOAD) {
    if (trial->is_testing) mmf_flash_go_back(board);
    if (is_right && is_announced(board)) put_ended(board, answer);
    else damaged(board, MMFREE_MESSAGE_FLASH_END, answer);
    board->flashing.is_open = false;
    return;
  }
  if (trial->then == MMF_AFTER_END) {
    if (!is_right || !is_announced(board)) {
      damaged(board, MMFREE_MESSAGE_FLASH_END, answer);
      return;
    }
    board->flashing.is_open = false;
    if (!mmf_store_record(&board->store, trial->slot, false)) {
      mmf_answer_error(answer, MMFREE_MESSAGE_FLASH_END, MMFREE_ERROR_FLASH_FAILED, 0, 0);
      return;
    }
    mmf_board_install(board, trial->slot, &trial->image);
    put_ended(board, answer);
    return;
  }
  const uint8_t type = trial->then == MMF_AFTER_BEGIN ? MMFREE_MESSAGE_FLASH_BEGIN : MMFREE_MESSAGE_REVERT;
  if (!is_right) {
    if (trial->is_testing) run_again(board, board->store.slot);
  } else if (!mmf_store_record(&board->store, trial->slot, true)) {
    mmf_answer_error(answer, type, MMFREE_ERROR_FLASH_FAILED, 0, 0);
    return;
  }
  if (trial->then == MMF_AFTER_BEGIN) ready(board, answer);
  else if (is_right) mmf_answer_done(answer, type);
  else mmf_answer_error(answer, type, MMFREE_ERROR_NO_IMAGE, 0, 0);
}

bool mmf_flash_request(struct mmf_board *board, const struct mmf_message *request, struct mmf_answer *answer) {
  const uint8_t type = request->type;
  if (type < MMFREE_MESSAGE_FLASH_BEGIN || type > MMFREE_MESSAGE_REVERT) return false;
  if (mmf_run_is_open(&board->run)) {
    mmf_answer_error(answer, type, MMFREE_ERROR_BUSY, board->run.run, 0);
    return true;
  }
  switch (type) {
    case MMFREE_MESSAGE_FLASH_BEGIN: begin(board, request, answer); break;
    case MMFREE_MESSAGE_FLASH_COMPARE: compare(board, request, answer); break;
    case MMFREE_MESSAGE_FLASH_WRITE: write(board, request, answer); break;
    case MMFREE_MESSAGE_FLASH_END: end(board, request, answer); break;
    case MMFREE_MESSAGE_FLASH_READ: read(board, request, answer); break;
    case MMFREE_MESSAGE_CONFIRM: confirm(board, request, answer); break;
    default: revert(board, request, answer); break;
  }
  return true;
}
