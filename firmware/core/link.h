/*
 * A board's end of a line: docs/PROTOCOL.md, section 2. Bytes in, bytes out, and a clock that is told; nothing waits.
 *
 * Messages that came wait in an inbox, whose room is the window. One message is on its way out at a time (the smallest
 * board of the document), and frames are made when the line can take one: acknowledgements are never old.
 */
#ifndef MMF_LINK_H
#define MMF_LINK_H

#include "frame.h"

/* Messages that a line can hold, and so its window. */
#ifndef MMF_INBOX
#define MMF_INBOX 4
#endif

struct mmf_message {
  uint8_t type;
  uint32_t length;
  uint8_t payload[MMFREE_MAX_PAYLOAD_BYTES];
};

struct mmf_link {
  struct mmf_frame_reader reader;
  /* The session. */
  bool is_open, has_opened; /* has_opened: a new session, of which the board has not heard yet */
  bool is_busy;             /* another line has the host that the board serves */
  uint32_t silent_ms;       /* of that host */
  uint32_t nonce, now_ms, heard_ms, sent_ms;
  bool has_sent, owes_syn_ack, owes_busy, owes_end;
  uint32_t busy_nonce;
  /* Receiving. */
  struct mmf_message inbox[MMF_INBOX];
  uint32_t first, count;
  uint8_t expected, announced, taken; /* sequence, window and frames since the last acknowledgement */
  bool owes_ack, owes_ack_now, owes_again;
  uint32_t ack_due_ms, again_ms;
  bool has_asked;
  uint8_t asked;
  /* Sending. */
  struct mmf_message outbox;
  bool is_sending, is_sent, was_repeated; /* a message is there; it was sent once, more than once */
  uint8_t next, peer_window;              /* its sequence number; frames that the host takes from there on */
  uint32_t waiting_ms, acknowledged_ms;   /* since when */
  uint32_t repetitions, patience_us;      /* for want of an answer in a row; microseconds a byte */
  /* Text for a person, in the place of frames: console.h. */
  bool is_typed, is_in_line, was_return;
  uint32_t typed, typed_at; /* bytes in the payload of the first message of the inbox; those that were taken */
  /* The frame that is on its way to the line. */
  uint8_t out[MMFREE_MAX_ENCODED_BYTES + 2];
  uint32_t out_at, out_length;
  struct {
    uint64_t frames_in, frames_out, bytes_in, bytes_out, bad_frames, repeats;
  } counts;
};

void mmf_link_init(struct mmf_link *link, uint32_t now_ms);

/* Bytes of the host. now_ms: a clock that may wrap. */
void mmf_link_receive(struct mmf_link *link, const uint8_t *bytes, uint32_t length, uint32_t now_ms);

/* What is to be done in time; returns in how many milliseconds to call again at the latest. */
uint32_t mmf_link_poll(struct mmf_link *link, uint32_t now_ms);

/* Bytes for the line, 0 if there are none; then how many of them it took. */
uint32_t mmf_link_output(struct mmf_link *link, const uint8_t **bytes);
void mmf_link_took(struct mmf_link *link, uint32_t length);

/* The oldest message, or 0. It stays until it is dropped. */
const struct mmf_message *mmf_link_message(const struct mmf_link *link);
void mmf_link_drop(struct mmf_link *link);

/* Where the next message is written, or 0 while one is on its way. */
struct mmf_message *mmf_link_room(struct mmf_link *link);
void mmf_link_send(struct mmf_link *link);

/* The session that has just opened was one too many: its host gets BUSY. */
void mmf_link_refuse(struct mmf_link *link);

/* The board ends the session: its host hears so. */
void mmf_link_end(struct mmf_link *link);

/* The wire is gone. */
void mmf_link_unplug(struct mmf_link *link);

/* The next byte that was typed. */
bool mmf_link_typed(struct mmf_link *link, uint8_t *byte);

/* Whether all that was said is out; room for more of it, or 0. */
bool mmf_link_has_text_room(const struct mmf_link *link);
uint8_t *mmf_link_text(struct mmf_link *link, uint32_t length);

/* From now on bytes are frames again. */
void mmf_link_end_text(struct mmf_link *link);

/* How long the host of the session has been silent. */
uint32_t mmf_link_silent_ms(const struct mmf_link *link);

#endif
