/*
 * Whether an image can be trusted: every byte of it, and, where nobody has seen it compute here, its self-test. In
 * pieces, for whoever waits: the start of the board, or a request.
 */
#include "little-endian.h"
#include "requests.h"

bool mmf_trial_begin(struct mmf_board *board, uint32_t slot, enum mmf_after_trial then) {
  struct mmf_trial *trial = &board->trial;
  if (slot >= board->store.slots || !mmf_store_read(&board->store, slot, &trial->image)) return false;
  const struct mmf_shape *shape = &trial->image.head.shape, *limits = &board->options.limits;
  if (shape->vocab > limits->vocab || shape->hidden > limits->hidden || shape->intermediate > limits->intermediate ||
      shape->layers > limits->layers || trial->image.head.revision < board->options.minimum_revision) {
    return false;
  }
  trial->is_going = true;
  trial->is_testing = trial->is_of_dfu = false;
  trial->slot = slot;
  trial->position = 0;
  trial->then = then;
  trial->session = board->sessions;
  mmf_check_begin(&trial->check, &trial->image);
  return true;
}

static uint32_t token_of(const struct mmf_image *image, uint32_t position) {
  const uint32_t prompt = image->prompt.length / 4;
  return position < prompt ? mmf_u32(image->prompt.bytes + 4 * position)
                           : mmf_u32(image->continuation.bytes + 4 * (position - prompt));
}

/* A token: its receipt, and from the last of the prompt on the greedy choice. */
static enum mmf_progress test_step(struct mmf_board *board, struct mmf_trial *trial) {
  const struct mmf_image *image = &board->image;
  const uint32_t position = trial->position++, prompt = image->prompt.length / 4, all = image->receipts.length / 4;
  mmf_model_step(&board->model, token_of(image, position), 1, 0);
  if (board->model.receipt != mmf_u32(image->receipts.bytes + 4 * position)) return MMF_WRONG;
  const bool is_chosen = position + 1 < prompt || board->model.candidates.list[0].id == token_of(image, position + 1);
  if (!is_chosen) return MMF_WRONG;
  if (trial->position < all) return MMF_GOES_ON;
  mmf_model_reset(&board->model);
  return MMF_RIGHT;
}

/* Of an image that comes from a host the host makes the self-test itself, before it confirms. */
enum mmf_progress mmf_trial_work(struct mmf_board *board) {
  struct mmf_trial *trial = &board->trial;
  enum mmf_progress progress = trial->is_testing ? test_step(board, trial) : mmf_check_work(&trial->check);
  if (progress == MMF_RIGHT && !trial->is_testing && trial->then != MMF_AFTER_END) {
    if (trial->is_of_dfu) mmf_board_end_sessions(board);
    mmf_board_install(board, trial->slot, &trial->image);
    trial->is_testing = true;
    progress = MMF_GOES_ON;
  }
  if (progress != MMF_GOES_ON) trial->is_going = false;
  return progress;
}
