/*
 * A board: lines, requests, a model, a flash. docs/PROTOCOL.md.
 *
 * The port hands in clock, flash and memory, brings what its lines receive, and calls mmf_board_work all the time: it does
 * one piece of what there is to do, such as a token. While it computes, it calls `breathe` every few thousand products,
 * where the port does what its lines need (mmf_link_receive, mmf_link_poll, mmf_link_output).
 */
#ifndef MMF_BOARD_H
#define MMF_BOARD_H

#include "console.h"
#include "dfu.h"
#include "link.h"
#include "model.h"
#include "store.h"

#define MMF_MAX_LINES 4u
#define MMF_KEPT_TOKENS 4096u
#define MMF_UNSENT_TOKENS 64u
#define MMF_NO_RUN_REASON 255u

_Static_assert(MMFREE_MAX_VOCAB_SIZE <= 1u << 16, "tokens are kept in 16 bits");

/* What a port says of itself: texts of 1 … 64 printable ASCII characters. */
struct mmf_board_options {
  const char *board, *serial, *firmware;
  uint32_t boot_nonce;        /* another one with every start */
  struct mmf_shape limits;    /* vocab, hidden, intermediate, layers */
  uint32_t minimum_revision;
  bool can_restart;
  uint32_t (*now_ms)(void *context); /* may wrap */
  void (*breathe)(void *context);
  mmf_multiplier *multiply; /* may be 0 */
  void *context;
  void *memory; /* mmf_board_bytes(&limits), at a multiple of 4 */
};

struct mmf_run {
  bool is_known, is_going, has_reader, is_ended_sent;
  uint32_t run, first, next, sent, most; /* indices: of the first token, of the next computed, of the next sent */
  struct mmf_sampler sampler;
  uint32_t prompt_count, fed;
  uint8_t reason; /* why it ended */
  uint32_t receipts[MMF_KEPT_TOKENS];
  uint16_t tokens[MMF_KEPT_TOKENS]; /* until the last token of the prompt was fed, the prompt */
};

/* What takes longer than a request may: an image is hashed, then tried out. */
enum mmf_after_trial { MMF_AFTER_END, MMF_AFTER_BEGIN, MMF_AFTER_REVERT, MMF_AFTER_DOWNLOAD };

struct mmf_trial {
  bool is_going, is_testing;
  uint32_t slot, position; /* of the self-test */
  enum mmf_after_trial then;
  bool is_of_dfu;
  uint32_t session; /* that asked; or the download */
  struct mmf_image image;
  struct mmf_check check;
};

struct mmf_flashing {
  bool is_open, is_of_dfu;
  uint32_t slot, length, next; /* bytes of the image; the first that was not written */
  bool has_sha256;
  uint8_t sha256[MMF_SHA256_BYTES];
  /* Of the request that waits for a trial. */
  bool begin_is_of_dfu, begin_has_sha256;
  uint32_t begin_length;
  uint8_t begin_sha256[MMF_SHA256_BYTES];
};

struct mmf_board {
  struct mmf_board_options options;
  struct mmf_store store;
  struct mmf_link *lines[MMF_MAX_LINES];
  uint32_t line_count;
  struct mmf_link *session; /* whose host is served */
  uint32_t sessions;        /* so far */
  bool owes_hello;
  /* The image that runs. */
  bool has_image;
  uint32_t version; /* another one whenever the image may have changed */
  uint32_t slot;
  struct mmf_image image;
  struct mmf_model model;
  uint32_t position; /* tokens fed since the state was zero */
  uint64_t steps;
  uint64_t uptime_ms;
  uint32_t clock_ms;
  struct mmf_run run;
  struct mmf_trial trial;
  struct mmf_flashing flashing;
  /* state.1: a copy for the host, and what the host brings. */
  int32_t *kept, *brought;
  bool has_kept;
  uint32_t kept_position;
  struct mmf_console console;
  struct mmf_dfu *dfu; /* may be 0 */
  bool wants_restart;
  uint32_t restart_ms;
};

/* Bytes of memory for models up to these sizes. */
uint32_t mmf_board_bytes(const struct mmf_shape *limits);

/* Starts the board: checks and starts the image in its flash. */
void mmf_board_start(struct mmf_board *board, const struct mmf_board_options *options, const struct mmf_flash *flash,
                     uint32_t slots);

void mmf_board_add_line(struct mmf_board *board, struct mmf_link *line);
void mmf_board_remove_line(struct mmf_board *board, struct mmf_link *line);

/* Images also come and go over DFU from then on. */
void mmf_board_add_dfu(struct mmf_board *board, struct mmf_dfu *dfu);

/* One piece of work, if there is some: after what the lines received, before their output is asked for. Returns in how many milliseconds to call again; 0: there is more to do. */
uint32_t mmf_board_work(struct mmf_board *board);

/* Whether the board must start again now, as a host told it to. */
bool mmf_board_restarts(const struct mmf_board *board);

#endif
