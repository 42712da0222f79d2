/* RESET, STEP, RUN, CANCEL, RESUME: docs/PROTOCOL.md, sections 3 and 5. */
#include "bytes.h"
#include "little-endian.h"
#include "requests.h"

#define STEP_BYTES 8u
#define RUN_BYTES 32u

const uint16_t *mmf_board_exp2(const struct mmf_board *board) {
  const uint32_t tables = board->image.head.sections[MMF_TABLES].offset;
  return (const uint16_t *)(const void *)(board->image.bytes + tables) + MMF_SIGMA_ENTRIES;
}

void mmf_board_step(struct mmf_board *board, uint32_t token, uint32_t wanted, uint32_t *taps) {
  mmf_model_step(&board->model, token, wanted, taps);
  board->position++;
  board->steps++;
}

void mmf_board_reset(struct mmf_board *board) {
  mmf_model_reset(&board->model);
  board->position = 0;
}

static uint32_t smaller(uint32_t a, uint32_t b) {
  return a < b ? a : b;
}

/* taps u8, candidates u8, 0 u16, token u32 */
static void step(struct mmf_board *board, const struct mmf_message *request, struct mmf_answer *answer) {
  const uint8_t *bytes = request->payload;
  const struct mmf_shape *shape = &board->image.head.shape;
  const bool is_right = request->length == STEP_BYTES && bytes[0] <= 1 && bytes[1] <= MMFREE_MAX_CANDIDATES && mmf_u16(bytes + 2) == 0;
  if (!is_right) {
    mmf_answer_error(answer, request->type, MMFREE_ERROR_MALFORMED_PAYLOAD, request->length, 0);
    return;
  }
  if (!board->has_image) {
    mmf_answer_error(answer, request->type, MMFREE_ERROR_NO_IMAGE, 0, 0);
    return;
  }
  const uint32_t token = mmf_u32(bytes + 4), has_taps = bytes[0], wanted = bytes[1];
  if (token >= shape->vocab) {
    mmf_answer_error(answer, request->type, MMFREE_ERROR_UNKNOWN_TOKEN, token, shape->vocab);
    return;
  }
  uint32_t taps[MMFREE_MAX_LAYERS + 1];
  mmf_board_step(board, token, wanted > 0 ? wanted : 1, has_taps != 0 ? taps : 0);
  const struct mmf_candidates *candidates = &board->model.candidates;
  const uint32_t shown = smaller(wanted, shape->vocab), tap_count = has_taps != 0 ? shape->layers + 1 : 0;
  uint8_t *to = mmf_answer_with(answer, MMFREE_MESSAGE_STEPPED, 8 + 4 * tap_count + 8 * shown);
  mmf_put_u32(to, candidates->list[0].id);
  mmf_put_u32(to + 4, board->model.receipt);
  to += 8;
  for (uint32_t tap = 0; tap < tap_count; tap++, to += 4) mmf_put_u32(to, taps[tap]);
  for (uint32_t place = 0; place < shown; place++, to += 8) {
    mmf_put_u32(to, candidates->list[place].id);
    mmf_put_u32(to + 4, (uint32_t)candidates->list[place].logit);
  }
}

/* run u32, first index u32, max tokens u32, topK u8, keep u8, invTemperature u16, topP u16, 0 u16, seed u64, count u32, tokens */
static bool is_run(const struct mmf_message *request) {
  const uint8_t *bytes = request->payload;
  if (request->length < RUN_BYTES + 4) return false;
  const uint32_t first = mmf_u32(bytes + 4), most = mmf_u32(bytes + 8), top_p = mmf_u16(bytes + 16), count = mmf_u32(bytes + 28);
  return most <= UINT32_MAX - first && bytes[12] >= 1 && bytes[12] <= MMFREE_MAX_CANDIDATES && bytes[13] <= 1 &&
         mmf_u16(bytes + 14) <= MMFREE_MAX_INVERSE_TEMPERATURE && top_p >= 1 && top_p <= MMFREE_MAX_TOP_P &&
         mmf_u16(bytes + 18) == 0 && count >= 1 && count <= MMFREE_MAX_RUN_TOKENS &&
         request->length == RUN_BYTES + 4 * count;
}

void mmf_run_begin(struct mmf_run *run, uint32_t first, uint32_t prompt_count, bool has_reader) {
  run->is_known = run->is_going = true;
  run->has_reader = has_reader;
  run->is_ended_sent = !has_reader;
  run->first = run->next = run->sent = first;
  run->prompt_count = prompt_count;
  run->fed = 0;
}

static void start_run(struct mmf_board *board, const struct mmf_message *request, struct mmf_answer *answer) {
  const uint8_t *bytes = request->payload;
  struct mmf_run *run = &board->run;
  if (!is_run(request)) {
    mmf_answer_error(answer, request->type, MMFREE_ERROR_MALFORMED_PAYLOAD, request->length, 0);
    return;
  }
  if (!board->has_image) {
    mmf_answer_error(answer, request->type, MMFREE_ERROR_NO_IMAGE, 0, 0);
    return;
  }
  const uint32_t count = mmf_u32(bytes + 28), vocab = board->image.head.shape.vocab;
  for (uint32_t index = 0; index < count; index++) {
    const uint32_t token = mmf_u32(bytes + RUN_BYTES + 4 * index);
    if (token >= vocab) {
      mmf_answer_error(answer, request->type, MMFREE_ERROR_UNKNOWN_TOKEN, token, vocab);
      return;
    }
  }
  for (uint32_t index = 0; index < count; index++) run->tokens[index] = (uint16_t)mmf_u32(bytes + RUN_BYTES + 4 * index);
  mmf_run_begin(run, mmf_u32(bytes + 4), count, true);
  run->run = mmf_u32(bytes);
  run->most = mmf_u32(bytes + 8);
  run->sampler = (struct mmf_sampler){.top_k = bytes[12],
                                      .inverse_temperature = mmf_u16(bytes + 14),
                                      .top_p = mmf_u16(bytes + 16),
                                      .seed = {mmf_u32(bytes + 20), mmf_u32(bytes + 24)}};
  if (bytes[13] == 0) mmf_board_reset(board);
}

static void put_ended(struct mmf_answer *answer, uint32_t run, uint32_t next, uint8_t reason) {
  uint8_t *to = mmf_answer_with(answer, MMFREE_MESSAGE_ENDED, 12);
  mmf_put_u32(to, run);
  mmf_put_u32(to + 4, next);
  mmf_put_u32(to + 8, reason);
}

static void end_run(struct mmf_run *run, uint8_t reason) {
  run->is_going = false;
  run->reason = reason;
}

static void cancel(struct mmf_board *board, const struct mmf_message *request, struct mmf_answer *answer) {
  struct mmf_run *run = &board->run;
  if (request->length != 4) {
    mmf_answer_error(answer, request->type, MMFREE_ERROR_MALFORMED_PAYLOAD, request->length, 0);
    return;
  }
  const uint32_t number = mmf_u32(request->payload);
  if (!run->is_known || run->run != number) {
    put_ended(answer, number, 0, MMFREE_END_UNKNOWN_RUN);
    return;
  }
  if (run->is_going) end_run(run, MMFREE_END_CANCELLED);
  /* What was computed and not sent is not sent any more. */
  run->sent = run->next;
  run->is_ended_sent = true;
  put_ended(answer, number, run->next, run->reason);
}

static void resume(struct mmf_board *board, const struct mmf_message *request, struct mmf_answer *answer) {
  struct mmf_run *run = &board->run;
  if (request->length != 8) {
    mmf_answer_error(answer, request->type, MMFREE_ERROR_MALFORMED_PAYLOAD, request->length, 0);
    return;
  }
  const uint32_t number = mmf_u32(request->payload), index = mmf_u32(request->payload + 4);
  const uint32_t kept = run->next - run->first < MMF_KEPT_TOKENS ? run->first : run->next - MMF_KEPT_TOKENS;
  if (!run->is_known || run->run != number || index < kept || index > run->next) {
    put_ended(answer, number, 0, MMFREE_END_UNKNOWN_RUN);
    return;
  }
  run->has_reader = true;
  run->is_ended_sent = false;
  run->sent = index;
}

bool mmf_inference_request(struct mmf_board *board, const struct mmf_message *request, struct mmf_answer *answer) {
  const struct mmf_run *run = &board->run;
  const uint8_t type = request->type;
  if (type != MMFREE_MESSAGE_RESET && type != MMFREE_MESSAGE_STEP && type != MMFREE_MESSAGE_RUN &&
      type != MMFREE_MESSAGE_CANCEL && type != MMFREE_MESSAGE_RESUME) {
    return false;
  }
  /* A run whose tokens are on their way to this session is busy, also when it is over, until its end was sent. */
  const bool is_reading = run->is_known && run->has_reader && !run->is_ended_sent;
  const bool is_busy = type == MMFREE_MESSAGE_RESUME ? is_reading : type != MMFREE_MESSAGE_CANCEL && (run->is_going || is_reading);
  if (is_busy) {
    mmf_answer_error(answer, type, MMFREE_ERROR_BUSY, run->run, 0);
  } else if (board->flashing.is_open && type != MMFREE_MESSAGE_CANCEL && type != MMFREE_MESSAGE_RESUME) {
    mmf_answer_error(answer, type, MMFREE_ERROR_BUSY, MMF_FLASH_BUSY, 0);
  } else if (type == MMFREE_MESSAGE_STEP) {
    step(board, request, answer);
  } else if (type == MMFREE_MESSAGE_RUN) {
    start_run(board, request, answer);
  } else if (type == MMFREE_MESSAGE_CANCEL) {
    cancel(board, request, answer);
  } else if (type == MMFREE_MESSAGE_RESUME) {
    resume(board, request, answer);
  } else if (request->length != 0) {
    mmf_answer_error(answer, type, MMFREE_ERROR_MALFORMED_PAYLOAD, request->length, 0);
  } else if (!board->has_image) {
    mmf_answer_error(answer, type, MMFREE_ERROR_NO_IMAGE, 0, 0);
  } else {
    mmf_board_reset(board);
    mmf_answer_done(answer, type);
  }
  return true;
}

bool mmf_run_is_waiting(const struct mmf_board *board) {
  return board->run.is_going && board->run.next - board->run.sent >= MMF_UNSENT_TOKENS;
}

/* The prompt, then each token that was sampled: the last one of a run is not fed. */
bool mmf_run_work(struct mmf_board *board) {
  struct mmf_run *run = &board->run;
  if (!run->is_going || mmf_run_is_waiting(board)) return false;
  const uint32_t wanted = run->sampler.inverse_temperature == 0 ? 1 : run->sampler.top_k;
  const bool is_prompt = run->fed < run->prompt_count;
  const uint32_t token = is_prompt ? run->tokens[run->fed++] : run->tokens[(run->next - 1) % MMF_KEPT_TOKENS];
  mmf_board_step(board, token, wanted, 0);
  if (run->fed < run->prompt_count) return true;
  if (run->most == 0) {
    end_run(run, MMFREE_END_MAX_TOKENS);
    return true;
  }
  const uint32_t chosen = mmf_sample(&board->model.candidates, &run->sampler, mmf_board_exp2(board), run->next);
  const uint32_t place = run->next++ % MMF_KEPT_TOKENS;
  run->tokens[place] = (uint16_t)chosen;
  run->receipts[place] = board->model.receipt;
  if (mmf_image_ends(&board->image, chosen)) end_run(run, MMFREE_END_END_OF_TEXT);
  else if (run->next - run->first == run->most) end_run(run, MMFREE_END_MAX_TOKENS);
  return true;
}

bool mmf_run_message(struct mmf_board *board, struct mmf_message *to) {
  struct mmf_run *run = &board->run;
  struct mmf_answer answer = {.to = to};
  if (!run->is_known || !run->has_reader || run->is_ended_sent) return false;
  if (run->sent < run->next) {
    const uint32_t place = run->sent % MMF_KEPT_TOKENS;
    uint8_t *bytes = mmf_answer_with(&answer, MMFREE_MESSAGE_TOKEN, 16);
    mmf_put_u32(bytes, run->run);
    mmf_put_u32(bytes + 4, run->sent++);
    mmf_put_u32(bytes + 8, run->tokens[place]);
    mmf_put_u32(bytes + 12, run->receipts[place]);
    return true;
  }
  if (run->is_going) return false;
  put_ended(&answer, run->run, run->next, run->reason);
  run->is_ended_sent = true;
  return true;
}
