/*
 * DFU 1.1 as docs/USB.md has it, sections 3 and 4: the states, the memory `weights`, and the vendor requests. Of USB it
 * knows requests to its interface and nothing else.
 *
 * What a request leads to is said at once, also in the middle of a token; what it does to flash and model is done by
 * mmf_board_work, piece by piece, while the host hears dfuDNBUSY.
 */
#ifndef MMF_DFU_H
#define MMF_DFU_H

#include <stdbool.h>
#include <stdint.h>

#include "sha256.h"

/* wTransferSize. */
#ifndef MMF_DFU_BLOCK_BYTES
#define MMF_DFU_BLOCK_BYTES 4096
#endif
/* What FLASH_WRITE takes at a time. */
#define MMF_DFU_PIECE_BYTES 2048
#define MMF_DFU_MOST_ANSWER_BYTES 1024u
#define MMF_DFU_DETACH_MS 1000u
#define MMF_DFU_ATTRIBUTES 0x07u /* download, upload, manifestation tolerant */

struct mmf_board;

/* A class or vendor request; the length is that of its data, or the most that the host takes of them. */
struct mmf_dfu_request {
  bool is_in, is_vendor;
  uint8_t request;
  uint32_t value, length;
};

/* Why a download or an upload does not go on: ERROR of docs/PROTOCOL.md. Code 0: no reason. */
struct mmf_refusal {
  uint32_t code, fact0, fact1;
};

enum mmf_dfu_work { MMF_DFU_NOTHING, MMF_DFU_ANNOUNCED, MMF_DFU_BLOCK, MMF_DFU_ALL_SENT };

struct mmf_dfu {
  struct mmf_board *board;
  uint8_t state, status;
  struct mmf_refusal failure; /* that led to dfuERROR */
  struct mmf_refusal refusal; /* of which the host has not heard yet */
  uint32_t until_ms;          /* when dfuDNBUSY or dfuMANIFEST is over */
  uint32_t heard_ms;
  bool has_number;
  uint32_t number; /* of the next block, if it has one */
  /* Upload. */
  uint32_t position, version;
  /* Download. */
  enum mmf_dfu_work work;
  bool is_active, is_announced, is_checked; /* it has the board; any sectors may come; the image is good */
  uint32_t downloads;                       /* so far: a trial may be of one that was given up */
  uint32_t length, next;                    /* bytes of the image; the first that was not written */
  uint32_t filled, taken;                   /* of `bytes`: what has come, and what of it was written */
  bool has_hash;
  uint8_t hash[MMF_SHA256_BYTES];
  /* Less than a piece that waits for more, and a block behind it; an answer. */
  uint8_t bytes[MMF_DFU_PIECE_BYTES + MMF_DFU_BLOCK_BYTES];
};

/* Its board is the one that it is added to (board.h). */
void mmf_dfu_init(struct mmf_dfu *dfu);

/* Ends what goes on: the bus was reset, or an alternate setting was selected. */
void mmf_dfu_reset(struct mmf_dfu *dfu);

/* Where the data of a request to the board go, `length` bytes; 0: STALL. */
uint8_t *mmf_dfu_room(struct mmf_dfu *dfu, const struct mmf_dfu_request *request);

/* The request, with its data in that room. False: STALL. */
bool mmf_dfu_out(struct mmf_dfu *dfu, const struct mmf_dfu_request *request);

/* The answer, its length in `length`, at most as much as was asked for; it is in `small` or elsewhere. 0: STALL. */
const uint8_t *mmf_dfu_in(struct mmf_dfu *dfu, const struct mmf_dfu_request *request,
                          uint8_t small[MMF_DFU_MOST_ANSWER_BYTES], uint32_t *length);

#endif
