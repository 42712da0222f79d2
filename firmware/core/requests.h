/* How requests are answered: between board.c and the files of requests. */
#ifndef MMF_REQUESTS_H
#define MMF_REQUESTS_H

#include "board.h"

/* Belongs to no table, and so not to the generated header. */
#define MMF_GET_HELLO 0x02u
#define MMF_FLASH_BUSY 0xffffffffu

/* What a request ends with. */
struct mmf_answer {
  struct mmf_message *to; /* room for the answer */
  bool is_there;
};

/* Answers. */
void mmf_answer_error(struct mmf_answer *answer, uint8_t request, uint32_t code, uint32_t fact0, uint32_t fact1);
void mmf_answer_done(struct mmf_answer *answer, uint8_t request);
uint8_t *mmf_answer_with(struct mmf_answer *answer, uint8_t type, uint32_t length);

void mmf_hello(const struct mmf_board *board, struct mmf_message *to, bool is_full);
void mmf_info(const struct mmf_board *board, struct mmf_message *to);

/* Each takes the requests that are its own; false: unknown. Busy, length and the like are checked inside, in the order
 * of the document. */
bool mmf_inference_request(struct mmf_board *board, const struct mmf_message *request, struct mmf_answer *answer);
bool mmf_flash_request(struct mmf_board *board, const struct mmf_message *request, struct mmf_answer *answer);
bool mmf_state_request(struct mmf_board *board, const struct mmf_message *request, struct mmf_answer *answer);

/* A run whose prompt is in `tokens`. Who begins it gives it a number, the most tokens, a sampler. */
void mmf_run_begin(struct mmf_run *run, uint32_t first, uint32_t prompt_count, bool has_reader);
/* The next token of the run. True if there was one to compute. */
bool mmf_run_work(struct mmf_board *board);
/* A token or the end of the run for its reader, if one is due. */
bool mmf_run_message(struct mmf_board *board, struct mmf_message *to);
bool mmf_run_is_waiting(const struct mmf_board *board);

/* The image of a slot runs from now on, from a state of zero. */
void mmf_board_install(struct mmf_board *board, uint32_t slot, const struct mmf_image *image);
void mmf_board_remove_image(struct mmf_board *board);

/* Trials. `mmf_trial_work` does a piece; MMF_GOES_ON until it knows. */
bool mmf_trial_begin(struct mmf_board *board, uint32_t slot, enum mmf_after_trial then);
enum mmf_progress mmf_trial_work(struct mmf_board *board);
/* What a request waited for is known. */
void mmf_flash_after_trial(struct mmf_board *board, bool is_right, struct mmf_answer *answer);

/* Back to a state of zero. */
void mmf_board_reset(struct mmf_board *board);
/* Feeds a token, and counts it. */
void mmf_board_step(struct mmf_board *board, uint32_t token, uint32_t wanted, uint32_t *taps);
const uint16_t *mmf_board_exp2(const struct mmf_board *board);

#endif
