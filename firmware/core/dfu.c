#include "dfu.h"

#include "bytes.h"
#include "crc32.h"
#include "little-endian.h"
#include "requests.h"

/* Section 3; appendix A.2; section 6.1.2. Numbers of states that are not here belong to devices that detach. */
enum { DETACH, DNLOAD, UPLOAD, GET_STATUS, CLEAR_STATUS, GET_STATE, ABORT, REQUESTS };
enum { IDLE = 2, DNLOAD_SYNC, DNBUSY, DNLOAD_IDLE, MANIFEST_SYNC, MANIFEST, UPLOAD_IDLE = 9, ERROR };
enum { OK, TARGET, FILE, PROG = 6, VERIFY, ADDRESS, NOTDONE, FIRMWARE, VENDOR, UNKNOWN = 14, STALLEDPKT };
/* docs/USB.md, section 4. */
enum { HELLO = 0x80, WHY = 0x81, BEGIN = 0x20, SUMS, SEEK, HASH };

_Static_assert(MMF_DFU_BLOCK_BYTES >= MMF_DFU_PIECE_BYTES, "room for 1,000 sums");

#define STATUS_BYTES 6u
#define WHY_BYTES 12u
#define SUMS_HEAD_BYTES 8u
#define SECTORS_PER_PAGE 1000u
#define POLL_MS 10u
#define EARLY_MS 1u /* timers of hosts count whole milliseconds */
#define SILENT_MS 5000u

#define IN_STATE(state) (1u << (state))
#define TELLING (IN_STATE(IDLE) | IN_STATE(DNLOAD_SYNC) | IN_STATE(DNLOAD_IDLE) | IN_STATE(MANIFEST_SYNC) | IN_STATE(UPLOAD_IDLE) | IN_STATE(ERROR))
#define DOWNLOADING (IN_STATE(DNLOAD_SYNC) | IN_STATE(DNLOAD_IDLE) | IN_STATE(MANIFEST_SYNC))

/* In which states a request is carried out; in others it is out of place. */
static const uint32_t TAKEN[REQUESTS] = {[DNLOAD] = IN_STATE(IDLE) | IN_STATE(DNLOAD_IDLE),
                                         [UPLOAD] = IN_STATE(IDLE) | IN_STATE(UPLOAD_IDLE),
                                         [GET_STATUS] = TELLING,
                                         [CLEAR_STATUS] = IN_STATE(ERROR),
                                         [GET_STATE] = TELLING,
                                         [ABORT] = TELLING & ~IN_STATE(ERROR)};

static uint32_t now_ms(const struct mmf_dfu *dfu) {
  return dfu->board->options.now_ms(dfu->board->options.context);
}

/* The download is over, as it came, or the image runs. What was written stays. */
static void end_download(struct mmf_dfu *dfu) {
  struct mmf_flashing *flashing = &dfu->board->flashing;
  if (flashing->is_of_dfu) flashing->is_open = flashing->is_of_dfu = false;
  dfu->downloads++;
  dfu->work = MMF_DFU_NOTHING;
  dfu->is_active = dfu->is_announced = dfu->is_checked = false;
  dfu->length = dfu->next = dfu->filled = dfu->taken = 0;
}

static void be_idle(struct mmf_dfu *dfu) {
  end_download(dfu);
  dfu->state = IDLE;
  dfu->status = OK;
  dfu->failure = dfu->refusal = (struct mmf_refusal){0, 0, 0};
  dfu->has_number = false;
  dfu->position = 0;
}

void mmf_dfu_init(struct mmf_dfu *dfu) {
  memset(dfu, 0, sizeof *dfu);
  dfu->state = IDLE;
}

void mmf_dfu_reset(struct mmf_dfu *dfu) {
  be_idle(dfu);
}

/* Into dfuERROR, which is always a STALL too. */
static bool fail(struct mmf_dfu *dfu, uint8_t status, struct mmf_refusal why) {
  be_idle(dfu);
  dfu->state = ERROR;
  dfu->status = status;
  dfu->failure = why;
  return false;
}

static bool fail_alone(struct mmf_dfu *dfu, uint8_t status) {
  return fail(dfu, status, (struct mmf_refusal){0, 0, 0});
}

static bool is_out_of_place(struct mmf_dfu *dfu) {
  if (dfu->state != ERROR) fail_alone(dfu, STALLEDPKT);
  return false;
}

static uint8_t status_of(uint32_t code) {
  switch (code) {
    case MMFREE_ERROR_BUSY: return VENDOR;
    case MMFREE_ERROR_NO_IMAGE: return FIRMWARE;
    case MMFREE_ERROR_NOT_AN_IMAGE: return TARGET;
    case MMFREE_ERROR_MODEL_TOO_LARGE: return TARGET;
    case MMFREE_ERROR_REVISION_TOO_OLD: return FILE;
    case MMFREE_ERROR_IMAGE_TOO_LARGE: return ADDRESS;
    case MMFREE_ERROR_WRITE_OUT_OF_ORDER: return ADDRESS;
    case MMFREE_ERROR_IMAGE_DAMAGED: return VERIFY;
    case MMFREE_ERROR_FLASH_FAILED: return PROG;
    default: return UNKNOWN;
  }
}

static bool fail_for(struct mmf_dfu *dfu, struct mmf_refusal why) {
  return fail(dfu, status_of(why.code), why);
}

/* What time and work have changed since the last request. */
static void advance(struct mmf_dfu *dfu) {
  const uint32_t now = now_ms(dfu);
  const bool is_over = (int32_t)(now - dfu->until_ms) >= 0;
  dfu->heard_ms = now;
  if (dfu->state == DNBUSY && is_over) dfu->state = DNLOAD_SYNC;
  if (dfu->state == MANIFEST && is_over) dfu->state = MANIFEST_SYNC;
  if ((IN_STATE(dfu->state) & DOWNLOADING) != 0 && dfu->refusal.code != 0) fail_for(dfu, dfu->refusal);
}

static bool is_in_place(const struct mmf_dfu *dfu, const struct mmf_dfu_request *request) {
  const uint8_t type = request->request;
  const bool is_in = type == UPLOAD || type == GET_STATUS || type == GET_STATE;
  const bool is_block = type == DNLOAD || type == UPLOAD;
  return type < REQUESTS && is_in == request->is_in && (TAKEN[type] & IN_STATE(dfu->state)) != 0 &&
         !(is_block && request->length > MMF_DFU_BLOCK_BYTES);
}

static bool is_next_block(const struct mmf_dfu *dfu, uint32_t number) {
  return !dfu->has_number || number == dfu->number;
}

uint8_t *mmf_dfu_room(struct mmf_dfu *dfu, const struct mmf_dfu_request *request) {
  advance(dfu);
  if (request->is_vendor) {
    const bool is_begin = request->request == BEGIN && dfu->state == IDLE;
    const bool is_seek = request->request == SEEK && (dfu->state == IDLE || dfu->state == DNLOAD_IDLE);
    const bool is_taken = (is_begin || is_seek) && request->value == 0 && request->length <= MMF_DFU_BLOCK_BYTES;
    return is_taken ? dfu->bytes + dfu->filled : 0;
  }
  if (!is_in_place(dfu, request) || request->request != DNLOAD) {
    is_out_of_place(dfu);
    return 0;
  }
  if (!is_next_block(dfu, request->value)) {
    fail_alone(dfu, ADDRESS);
    return 0;
  }
  return dfu->bytes + dfu->filled;
}

/* A block has come, behind what waits for it; or the host says that there are no more. */
static bool download(struct mmf_dfu *dfu, const struct mmf_dfu_request *request) {
  if (request->length > 0) {
    if (!is_next_block(dfu, request->value)) return fail_alone(dfu, ADDRESS);
    dfu->has_number = true;
    dfu->number = (request->value + 1) & 0xffff;
    dfu->filled += request->length;
    dfu->work = MMF_DFU_BLOCK;
    dfu->state = DNLOAD_SYNC;
    return true;
  }
  if (dfu->state == IDLE) return is_out_of_place(dfu);
  if (dfu->is_announced ? dfu->filled != 0 : !dfu->is_checked) return fail_alone(dfu, NOTDONE);
  dfu->work = MMF_DFU_ALL_SENT;
  dfu->state = MANIFEST_SYNC;
  return true;
}

static bool can_seek(const struct mmf_dfu *dfu, uint32_t sector) {
  const struct mmf_board *board = dfu->board;
  const uint32_t sector_bytes = board->store.flash.sector_bytes, offset = sector * sector_bytes;
  return dfu->is_announced && board->flashing.is_open && dfu->filled == 0 && sector < dfu->length / sector_bytes + 1 &&
         offset >= dfu->next && offset < dfu->length;
}

static bool seek(struct mmf_dfu *dfu, const struct mmf_dfu_request *request) {
  if (request->length != 4 || (dfu->state != IDLE && dfu->state != DNLOAD_IDLE)) return false;
  const uint32_t sector = mmf_u32(dfu->bytes + dfu->filled), sector_bytes = dfu->board->store.flash.sector_bytes;
  if (dfu->state == DNLOAD_IDLE) {
    if (!can_seek(dfu, sector)) return false;
    dfu->next = sector * sector_bytes;
  } else {
    /* Behind the end of every image is as good as anywhere there. */
    dfu->position = sector < UINT32_MAX / sector_bytes ? sector * sector_bytes : UINT32_MAX;
  }
  dfu->has_number = false;
  return true;
}

static bool announce(struct mmf_dfu *dfu, const struct mmf_dfu_request *request) {
  if (dfu->state != IDLE || !mmf_flash_is_begin(dfu->bytes, request->length)) return false;
  dfu->filled = request->length;
  dfu->has_number = false;
  dfu->work = MMF_DFU_ANNOUNCED;
  dfu->state = DNLOAD_SYNC;
  return true;
}

bool mmf_dfu_out(struct mmf_dfu *dfu, const struct mmf_dfu_request *request) {
  advance(dfu);
  if (request->is_vendor) {
    if (request->value != 0) return false;
    if (request->request == BEGIN) return announce(dfu, request);
    return request->request == SEEK && seek(dfu, request);
  }
  if (!is_in_place(dfu, request)) return is_out_of_place(dfu);
  if (request->request == DNLOAD) return download(dfu, request);
  be_idle(dfu);
  return true;
}

static uint32_t put_status(struct mmf_dfu *dfu, uint8_t to[STATUS_BYTES]) {
  const bool is_busy = dfu->work != MMF_DFU_NOTHING || (dfu->board->trial.is_going && mmf_dfu_wants_trial(dfu));
  if (dfu->state == DNLOAD_SYNC) dfu->state = is_busy ? DNBUSY : DNLOAD_IDLE;
  else if (dfu->state == MANIFEST_SYNC && is_busy) dfu->state = MANIFEST;
  else if (dfu->state == MANIFEST_SYNC) be_idle(dfu);
  const bool waits = dfu->state == DNBUSY || dfu->state == MANIFEST;
  if (waits) dfu->until_ms = dfu->heard_ms + POLL_MS - EARLY_MS;
  const uint8_t answer[STATUS_BYTES] = {dfu->status, waits ? POLL_MS : 0, 0, 0, dfu->state, 0};
  memcpy(to, answer, sizeof answer);
  return sizeof answer;
}

/* A copy, so that no block is of two images. */
static const uint8_t *upload(struct mmf_dfu *dfu, uint32_t *length) {
  const struct mmf_board *board = dfu->board;
  const bool is_other = dfu->state == UPLOAD_IDLE && dfu->version != board->version;
  if (is_other || !board->has_image) {
    fail_for(dfu, (struct mmf_refusal){is_other ? MMFREE_ERROR_BUSY : MMFREE_ERROR_NO_IMAGE, is_other ? MMF_FLASH_BUSY : 0, 0});
    return 0;
  }
  const uint32_t file = board->image.head.file_length, start = dfu->position < file ? dfu->position : file;
  const bool is_last = file - start < *length;
  if (is_last) *length = file - start;
  memcpy(dfu->bytes, board->image.bytes + start, *length);
  dfu->position = start + *length;
  dfu->version = board->version;
  dfu->state = UPLOAD_IDLE;
  if (is_last) be_idle(dfu);
  return dfu->bytes;
}

static const uint8_t *sums(struct mmf_dfu *dfu, uint32_t page, uint32_t *length) {
  const struct mmf_board *board = dfu->board;
  const uint32_t sector_bytes = board->store.flash.sector_bytes, first = page * SECTORS_PER_PAGE;
  const uint32_t all = (dfu->length + sector_bytes - 1) / sector_bytes;
  const bool can = dfu->state == DNLOAD_IDLE && dfu->is_announced && board->flashing.is_open && dfu->filled == 0;
  if (!can || first >= all) return 0;
  const uint32_t count = all - first < SECTORS_PER_PAGE ? all - first : SECTORS_PER_PAGE;
  const uint8_t *slot = board->store.flash.bytes + mmf_store_slot_offset(&board->store, board->flashing.slot);
  mmf_put_u32(dfu->bytes, first);
  mmf_put_u32(dfu->bytes + 4, count);
  for (uint32_t index = 0; index < count; index++) {
    const uint32_t offset = (first + index) * sector_bytes, left = dfu->length - offset;
    mmf_put_u32(dfu->bytes + SUMS_HEAD_BYTES + 4 * index, mmf_crc32c(0, slot + offset, left < sector_bytes ? left : sector_bytes));
  }
  if (SUMS_HEAD_BYTES + 4 * count < *length) *length = SUMS_HEAD_BYTES + 4 * count;
  return dfu->bytes;
}

static uint32_t put_why(const struct mmf_dfu *dfu, uint8_t to[WHY_BYTES]) {
  mmf_put_u16(to, dfu->failure.code);
  mmf_put_u16(to + 2, 0);
  mmf_put_u32(to + 4, dfu->failure.fact0);
  mmf_put_u32(to + 8, dfu->failure.fact1);
  return WHY_BYTES;
}

const uint8_t *mmf_dfu_in(struct mmf_dfu *dfu, const struct mmf_dfu_request *request,
                          uint8_t small[MMF_DFU_MOST_ANSWER_BYTES], uint32_t *length) {
  advance(dfu);
  *length = request->length;
  uint32_t most;
  if (request->is_vendor) {
    if (request->request == SUMS) return sums(dfu, request->value, length);
    if (request->value != 0) return 0;
    if (request->request == HASH) {
      most = sizeof dfu->hash;
      memcpy(small, dfu->hash, most);
      if (!dfu->has_hash) return 0;
    } else if (request->request == HELLO) {
      most = mmf_hello(dfu->board, small, false);
    } else if (request->request == WHY) {
      most = put_why(dfu, small);
    } else {
      return 0;
    }
  } else if (!is_in_place(dfu, request)) {
    is_out_of_place(dfu);
    return 0;
  } else if (request->request == UPLOAD) {
    return upload(dfu, length);
  } else if (request->request == GET_STATUS) {
    most = put_status(dfu, small);
  } else {
    most = 1;
    *small = dfu->state;
  }
  if (most < *length) *length = most;
  return small;
}

/* The download does not go on; the host hears of it when it asks. */
static void refuse(struct mmf_dfu *dfu, struct mmf_refusal why) {
  end_download(dfu);
  dfu->refusal = why;
}

bool mmf_dfu_has_board(struct mmf_dfu *dfu) {
  if (!dfu->is_active) return false;
  if (now_ms(dfu) - dfu->heard_ms < SILENT_MS) return true;
  refuse(dfu, (struct mmf_refusal){MMFREE_ERROR_BUSY, MMF_FLASH_BUSY, 0});
  return false;
}

/* A run that nobody hears is ended. */
static bool take_board(struct mmf_dfu *dfu) {
  struct mmf_board *board = dfu->board;
  const bool runs = mmf_run_is_open(&board->run) && board->run.has_reader;
  if (runs || board->flashing.is_open) {
    refuse(dfu, (struct mmf_refusal){MMFREE_ERROR_BUSY, runs ? board->run.run : MMF_FLASH_BUSY, 0});
    return false;
  }
  board->run.is_known = board->run.is_going = false;
  dfu->is_active = true;
  return true;
}

/* Whether it goes on: the core's own answers, as another host would hear them. */
static bool goes_on(struct mmf_dfu *dfu, const struct mmf_answer *answer) {
  if (!answer->is_there || answer->type != MMFREE_MESSAGE_ERROR) return true;
  refuse(dfu, (struct mmf_refusal){mmf_u16(answer->nowhere), mmf_u32(answer->nowhere + 4), mmf_u32(answer->nowhere + 8)});
  return false;
}

/* A trial that it has begun is its own. */
static void mark_trial(struct mmf_dfu *dfu) {
  struct mmf_trial *trial = &dfu->board->trial;
  trial->is_of_dfu = trial->is_going;
  trial->session = dfu->downloads;
}

/* seal: 0 without an announcement. */
static bool begin(struct mmf_dfu *dfu, const uint8_t *prefix, const uint8_t *seal, uint32_t seal_length, uint32_t length) {
  struct mmf_board *board = dfu->board;
  struct mmf_answer answer = {0};
  mmf_flash_begin(board, &(struct mmf_announcement){length, prefix, seal, seal_length, true}, &answer);
  if (!goes_on(dfu, &answer)) return false;
  mark_trial(dfu);
  dfu->length = board->flashing.begin_length;
  return true;
}

static void check(struct mmf_dfu *dfu) {
  struct mmf_board *board = dfu->board;
  if (mmf_trial_begin(board, board->flashing.slot, MMF_AFTER_DOWNLOAD)) mark_trial(dfu);
  else refuse(dfu, (struct mmf_refusal){MMFREE_ERROR_IMAGE_DAMAGED, 0, 0});
}

static void announced(struct mmf_dfu *dfu) {
  const uint8_t *bytes = dfu->bytes;
  dfu->work = MMF_DFU_NOTHING;
  dfu->filled = 0;
  if (!take_board(dfu)) return;
  dfu->is_announced = true;
  const uint8_t *prefix = bytes + MMF_FLASH_BEGIN_BYTES;
  begin(dfu, prefix, prefix + MMF_HEAD_BYTES, mmf_u16(bytes + 6), mmf_u32(bytes));
}

/* The next piece of what has come, or what comes before it. */
static void piece(struct mmf_dfu *dfu) {
  struct mmf_board *board = dfu->board;
  if (!dfu->is_active && !take_board(dfu)) return;
  const uint8_t *bytes = dfu->bytes + dfu->taken;
  const uint32_t come = dfu->filled - dfu->taken, left = dfu->length - dfu->next;
  const uint32_t length = dfu->length == 0 || left > MMF_DFU_PIECE_BYTES ? MMF_DFU_PIECE_BYTES : left;
  if (come > 0 && length == 0) {
    refuse(dfu, (struct mmf_refusal){MMFREE_ERROR_WRITE_OUT_OF_ORDER, dfu->length, 0});
  } else if (come == 0 || come < length) {
    for (uint32_t index = 0; index < come; index++) dfu->bytes[index] = bytes[index];
    dfu->filled = come;
    dfu->taken = 0;
    dfu->work = MMF_DFU_NOTHING;
  } else if (dfu->length == 0) {
    begin(dfu, bytes, 0, 0, 0);
  } else {
    struct mmf_answer answer = {0};
    mmf_flash_write(board, dfu->next, bytes, length, &answer);
    if (!goes_on(dfu, &answer)) return;
    dfu->next += length;
    dfu->taken += length;
    if (dfu->next == dfu->length) check(dfu);
  }
}

/* The image becomes the one that starts, and runs. */
static void adopt(struct mmf_dfu *dfu) {
  struct mmf_board *board = dfu->board;
  const struct mmf_trial *trial = &board->trial;
  if (!mmf_store_record(&board->store, trial->slot, true)) {
    refuse(dfu, (struct mmf_refusal){MMFREE_ERROR_FLASH_FAILED, 0, 0});
    return;
  }
  mmf_board_end_sessions(board);
  mmf_board_install(board, trial->slot, &trial->image);
  end_download(dfu);
}

bool mmf_dfu_work(struct mmf_dfu *dfu) {
  switch (dfu->work) {
    case MMF_DFU_NOTHING: return false;
    case MMF_DFU_ANNOUNCED: announced(dfu); break;
    case MMF_DFU_BLOCK: piece(dfu); break;
    case MMF_DFU_ALL_SENT:
      if (dfu->is_checked) adopt(dfu);
      else check(dfu);
      break;
  }
  return true;
}

bool mmf_dfu_wants_trial(const struct mmf_dfu *dfu) {
  return dfu->is_active && dfu->board->trial.session == dfu->downloads;
}

void mmf_dfu_after_trial(struct mmf_dfu *dfu, bool is_right) {
  const bool is_download = dfu->board->trial.then == MMF_AFTER_DOWNLOAD;
  struct mmf_answer answer = {0};
  mmf_flash_after_trial(dfu->board, is_right, &answer);
  if (!goes_on(dfu, &answer) || !is_download) return;
  memcpy(dfu->hash, answer.nowhere, sizeof dfu->hash);
  dfu->has_hash = dfu->is_checked = true;
}
