/* How requests are answered: between board.c and the files of requests. */
#ifndef MMF_REQUESTS_H
#define MMF_REQUESTS_H

#include "board.h"

/* Belongs to no table, and so not to the generated header. */
#define MMF_GET_HELLO 0x02u
#define MMF_FLASH_BUSY 0xffffffffu

/* What a request ends with. */
struct mmf_answer {
  struct mmf_message *to; /* room for the answer; 0: nobody waits for it, and it is in `nowhere` */
  bool is_there;
  uint8_t type;
  uint8_t nowhere[MMF_SHA256_BYTES]; /* what may come so is no longer */
};

/* Answers. */
void mmf_answer_error(struct mmf_answer *answer, uint8_t request, uint32_t code, uint32_t fact0, uint32_t fact1);
void mmf_answer_done(struct mmf_answer *answer, uint8_t request);
uint8_t *mmf_answer_with(struct mmf_answer *answer, uint8_t type, uint32_t length);

/* Returns its bytes. */
uint32_t mmf_hello(const struct mmf_board *board, uint8_t *to, bool is_full);
void mmf_info(const struct mmf_board *board, struct mmf_message *to);

/* Each takes the requests that are its own; false: unknown. Busy, length and the like are checked inside, in the order
 * of the document. */
bool mmf_inference_request(struct mmf_board *board, const struct mmf_message *request, struct mmf_answer *answer);
bool mmf_flash_request(struct mmf_board *board, const struct mmf_message *request, struct mmf_answer *answer);
bool mmf_state_request(struct mmf_board *board, const struct mmf_message *request, struct mmf_answer *answer);

/* A run whose prompt is in `tokens`. Who begins it gives it a number, the most tokens, a sampler. */
void mmf_run_begin(struct mmf_run *run, uint32_t first, uint32_t prompt_count, bool has_reader);
/* FLASH_BEGIN and FLASH_WRITE of any host. */
#define MMF_FLASH_BEGIN_BYTES 8u
struct mmf_announcement {
  uint32_t length;
  const uint8_t *prefix; /* MMF_HEAD_BYTES */
  const uint8_t *seal;   /* 0: neither this nor the length is known yet */
  uint32_t seal_length;
  bool is_of_dfu;
};
/* Whether bytes are the payload of a FLASH_BEGIN. */
bool mmf_flash_is_begin(const uint8_t *bytes, uint32_t length);
void mmf_flash_begin(struct mmf_board *board, const struct mmf_announcement *announced, struct mmf_answer *answer);
/* offset: a multiple of 2,048. */
void mmf_flash_write(struct mmf_board *board, uint32_t offset, const uint8_t *bytes, uint32_t length, struct mmf_answer *answer);

/* Whether a run goes on, or its reader has not heard all of it. */
bool mmf_run_is_open(const struct mmf_run *run);
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
/* The image that was tried out makes way for the one before. */
void mmf_flash_go_back(struct mmf_board *board);

/* A piece of a download over DFU, if there is one. */
bool mmf_dfu_work(struct mmf_dfu *dfu);
/* Whether it has the board: from a host that has been silent for too long it is taken away. */
bool mmf_dfu_has_board(struct mmf_dfu *dfu);
/* Whether the download that began a trial still goes on; how the trial ended. */
bool mmf_dfu_wants_trial(const struct mmf_dfu *dfu);
void mmf_dfu_after_trial(struct mmf_dfu *dfu, bool is_right);

/* Hosts open their sessions anew, and hear of another image. */
void mmf_board_end_sessions(struct mmf_board *board);

/* Back to a state of zero. */
void mmf_board_reset(struct mmf_board *board);
/* Feeds a token, and counts it. */
void mmf_board_step(struct mmf_board *board, uint32_t token, uint32_t wanted, uint32_t *taps);
const uint16_t *mmf_board_exp2(const struct mmf_board *board);

#endif
