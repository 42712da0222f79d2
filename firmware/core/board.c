#include "board.h"

#include "bytes.h"
#include "little-endian.h"
#include "requests.h"

#define RESTART_MS 100u

static uint32_t state_words(const struct mmf_shape *shape) {
  return shape->layers * shape->hidden;
}

/* The model's, then two more states. */
uint32_t mmf_board_bytes(const struct mmf_shape *limits) {
  return mmf_model_bytes(limits) + 2 * 4 * state_words(limits);
}

uint8_t *mmf_answer_with(struct mmf_answer *answer, uint8_t type, uint32_t length) {
  answer->is_there = true;
  answer->type = type;
  if (answer->to == 0) return answer->nowhere;
  answer->to->type = type;
  answer->to->length = length;
  return answer->to->payload;
}

void mmf_answer_error(struct mmf_answer *answer, uint8_t request, uint32_t code, uint32_t fact0, uint32_t fact1) {
  uint8_t *to = mmf_answer_with(answer, MMFREE_MESSAGE_ERROR, 12);
  mmf_put_u16(to, code);
  mmf_put_u16(to + 2, request);
  mmf_put_u32(to + 4, fact0);
  mmf_put_u32(to + 8, fact1);
}

void mmf_answer_done(struct mmf_answer *answer, uint8_t request) {
  *mmf_answer_with(answer, MMFREE_MESSAGE_DONE, 1) = request;
}

void mmf_board_install(struct mmf_board *board, uint32_t slot, const struct mmf_image *image) {
  const struct mmf_board_options *options = &board->options;
  int32_t *words = options->memory;
  board->has_image = true;
  board->version++;
  board->slot = slot;
  board->image = *image;
  board->kept = words;
  board->brought = words + state_words(&options->limits);
  board->has_kept = false;
  memset(board->brought, 0, 4 * (size_t)state_words(&image->head.shape));
  mmf_model_open(&board->model, &board->image, words + 2 * state_words(&options->limits));
  board->model.breathe = options->breathe;
  if (options->multiply != 0) board->model.multiply = options->multiply;
  board->model.context = options->context;
  board->position = 0;
  board->run.is_known = board->run.is_going = false;
}

void mmf_board_remove_image(struct mmf_board *board) {
  board->has_image = board->has_kept = false;
  board->version++;
  board->run.is_known = board->run.is_going = false;
}

static bool passes(struct mmf_board *board, uint32_t slot, enum mmf_after_trial how) {
  if (!mmf_trial_begin(board, slot, how)) return false;
  enum mmf_progress progress;
  do {
    progress = mmf_trial_work(board);
    if (board->options.breathe != 0) board->options.breathe(board->options.context);
  } while (progress == MMF_GOES_ON);
  return progress == MMF_RIGHT;
}

/* The slot of the newest record, tested if nobody has confirmed it; else the other one, tested. */
static void boot(struct mmf_board *board) {
  struct mmf_store *store = &board->store;
  const uint32_t newest = store->slot;
  if (newest == MMF_NO_SLOT) {
    /* A programmer may have put an image there, and no record. */
    for (uint32_t slot = 0; slot < store->slots; slot++) {
      if (passes(board, slot, MMF_AFTER_REVERT) && mmf_store_record(store, slot, true)) return;
    }
    mmf_board_remove_image(board);
    return;
  }
  if (store->is_confirmed) {
    if (passes(board, newest, MMF_AFTER_END)) {
      mmf_board_install(board, newest, &board->trial.image);
      return;
    }
  } else if (passes(board, newest, MMF_AFTER_REVERT) && mmf_store_record(store, newest, true)) {
    return;
  }
  mmf_board_remove_image(board);
  if (store->slots == 2 && passes(board, 1 - newest, MMF_AFTER_REVERT) && mmf_store_record(store, 1 - newest, true)) return;
  mmf_board_remove_image(board);
}

void mmf_board_start(struct mmf_board *board, const struct mmf_board_options *options, const struct mmf_flash *flash,
                     uint32_t slots) {
  memset(board, 0, sizeof *board);
  board->options = *options;
  board->clock_ms = options->now_ms(options->context);
  mmf_store_open(&board->store, *flash, slots);
  boot(board);
}

static void end_session(struct mmf_board *board) {
  board->session = 0;
  board->run.has_reader = false;
  if (!board->flashing.is_of_dfu) board->flashing.is_open = false;
  board->owes_hello = false;
  board->sessions++;
}

void mmf_board_remove_line(struct mmf_board *board, struct mmf_link *line) {
  if (board->session == line) end_session(board);
  uint32_t kept = 0;
  for (uint32_t index = 0; index < board->line_count; index++) {
    if (board->lines[index] != line) board->lines[kept++] = board->lines[index];
  }
  board->line_count = kept;
}

/* Which line has the host. */
static void follow_sessions(struct mmf_board *board) {
  if (board->session != 0 && (!board->session->is_open || board->session->has_opened)) end_session(board);
  for (uint32_t index = 0; index < board->line_count; index++) {
    struct mmf_link *line = board->lines[index];
    if (line->has_opened && (board->session == 0 || board->session == line)) {
      line->has_opened = false;
      board->session = line;
      board->owes_hello = true;
    }
  }
  for (uint32_t index = 0; index < board->line_count; index++) {
    struct mmf_link *line = board->lines[index];
    line->is_busy = board->session != 0 && board->session != line;
    line->silent_ms = line->is_busy ? mmf_link_silent_ms(board->session) : 0;
    if (line->is_busy && line->has_opened) mmf_link_refuse(line);
  }
}

void mmf_board_add_line(struct mmf_board *board, struct mmf_link *line) {
  if (board->line_count < MMF_MAX_LINES) board->lines[board->line_count++] = line;
  follow_sessions(board);
}

void mmf_board_add_dfu(struct mmf_board *board, struct mmf_dfu *dfu) {
  mmf_dfu_init(dfu);
  dfu->board = board;
  board->dfu = dfu;
}

void mmf_board_end_sessions(struct mmf_board *board) {
  for (uint32_t index = 0; index < board->line_count; index++) mmf_link_end(board->lines[index]);
}

bool mmf_run_is_open(const struct mmf_run *run) {
  return run->is_going || (run->is_known && run->has_reader && !run->is_ended_sent);
}

static void put_hello(const struct mmf_board *board, struct mmf_message *to, bool is_full) {
  to->type = MMFREE_MESSAGE_HELLO;
  to->length = mmf_hello(board, to->payload, is_full);
}

/* While an image comes over DFU, hosts on lines learn how it goes, and no more. */
static bool is_refused(struct mmf_board *board, const struct mmf_message *request, struct mmf_answer *answer) {
  if (request->type == MMFREE_MESSAGE_GET_INFO || board->dfu == 0 || !mmf_dfu_has_board(board->dfu)) return false;
  mmf_answer_error(answer, request->type, MMFREE_ERROR_BUSY, MMF_FLASH_BUSY, 0);
  return true;
}

/* GET_HELLO, GET_INFO, RESTART. */
static bool own_request(struct mmf_board *board, const struct mmf_message *request, struct mmf_answer *answer) {
  const uint8_t type = request->type;
  const bool is_restart = type == MMFREE_MESSAGE_RESTART && board->options.can_restart;
  if (type != MMF_GET_HELLO && type != MMFREE_MESSAGE_GET_INFO && !is_restart) return false;
  if (is_restart && mmf_run_is_open(&board->run)) {
    mmf_answer_error(answer, type, MMFREE_ERROR_BUSY, board->run.run, 0);
  } else if (is_restart && board->flashing.is_open) {
    mmf_answer_error(answer, type, MMFREE_ERROR_BUSY, MMF_FLASH_BUSY, 0);
  } else if (request->length != 0) {
    mmf_answer_error(answer, type, MMFREE_ERROR_MALFORMED_PAYLOAD, request->length, 0);
  } else if (is_restart) {
    board->wants_restart = true;
    board->restart_ms = board->options.now_ms(board->options.context) + RESTART_MS;
    mmf_answer_done(answer, type);
  } else {
    answer->is_there = true;
    if (type == MMF_GET_HELLO) put_hello(board, answer->to, true);
    else mmf_info(board, answer->to);
  }
  return true;
}

/* While the board computed, the host may have gone, and another one come: what is in its line then is not ours. */
static bool is_same_session(const struct mmf_board *board) {
  return board->session->is_open && !board->session->has_opened;
}

static void send(struct mmf_board *board, const struct mmf_answer *answer) {
  if (answer->is_there && is_same_session(board)) mmf_link_send(board->session);
}

static bool answer_request(struct mmf_board *board, struct mmf_answer *answer) {
  const struct mmf_message *request = mmf_link_message(board->session);
  if (request == 0) return false;
  const bool is_known = is_refused(board, request, answer) || own_request(board, request, answer) || mmf_inference_request(board, request, answer) ||
                        mmf_flash_request(board, request, answer) || mmf_state_request(board, request, answer);
  if (!is_known) mmf_answer_error(answer, request->type, MMFREE_ERROR_UNKNOWN_REQUEST, 0, 0);
  if (is_same_session(board)) mmf_link_drop(board->session);
  return true;
}

static void work_on_trial_of_dfu(struct mmf_board *board) {
  struct mmf_trial *trial = &board->trial;
  if (!mmf_dfu_wants_trial(board->dfu)) {
    trial->is_going = false;
    if (trial->is_testing) mmf_flash_go_back(board);
    return;
  }
  const enum mmf_progress progress = mmf_trial_work(board);
  if (progress != MMF_GOES_ON) mmf_dfu_after_trial(board->dfu, progress == MMF_RIGHT);
}

/* The piece of a trial, and its answer if that was the last one: not to another session than the one that asked. */
static bool work_on_trial(struct mmf_board *board, struct mmf_message *room) {
  struct mmf_trial *trial = &board->trial;
  if (trial->is_of_dfu) {
    work_on_trial_of_dfu(board);
    return true;
  }
  const bool is_heard = board->session != 0 && trial->session == board->sessions && !board->owes_hello;
  if (is_heard && room == 0) return false;
  const enum mmf_progress progress = mmf_trial_work(board);
  if (progress == MMF_GOES_ON) return true;
  struct mmf_answer answer = {.to = is_heard ? room : 0};
  mmf_flash_after_trial(board, progress == MMF_RIGHT, &answer);
  if (!is_heard) board->flashing.is_open = false;
  else send(board, &answer);
  return true;
}

/* One piece: what is under way, then HELLO, a request, a message of the run, a token. */
static bool work(struct mmf_board *board) {
  struct mmf_message *room = board->session != 0 ? mmf_link_room(board->session) : 0;
  if (board->trial.is_going) return work_on_trial(board, room);
  struct mmf_answer answer = {.to = room};
  if (room != 0 && board->owes_hello) {
    put_hello(board, room, false);
    board->owes_hello = false;
    mmf_link_send(board->session);
    return true;
  }
  if (room != 0 && answer_request(board, &answer)) {
    send(board, &answer);
    return true;
  }
  /* A download begins behind what was asked for before. */
  const bool is_asked = board->session != 0 && mmf_link_message(board->session) != 0;
  if (board->dfu != 0 && (board->dfu->is_active || !is_asked) && mmf_dfu_work(board->dfu)) return true;
  if (room != 0 && mmf_run_message(board, room)) {
    mmf_link_send(board->session);
    return true;
  }
  if (mmf_console_work(board)) return true;
  return mmf_run_work(board);
}

uint32_t mmf_board_work(struct mmf_board *board) {
  const uint32_t now_ms = board->options.now_ms(board->options.context);
  board->uptime_ms += now_ms - board->clock_ms;
  board->clock_ms = now_ms;
  uint32_t wait_ms = UINT32_MAX;
  for (uint32_t index = 0; index < board->line_count; index++) {
    const uint32_t line_ms = mmf_link_poll(board->lines[index], now_ms);
    if (line_ms < wait_ms) wait_ms = line_ms;
  }
  follow_sessions(board);
  return work(board) ? 0 : wait_ms;
}

bool mmf_board_restarts(const struct mmf_board *board) {
  return board->wants_restart && (int32_t)(board->options.now_ms(board->options.context) - board->restart_ms) >= 0;
}
