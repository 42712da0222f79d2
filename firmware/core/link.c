#include "link.h"

#include "bytes.h"
#include "little-endian.h"

#define PAUSE_MS 20u      /* then a zero goes ahead of the next frame */
#define ACK_MS 5u         /* an acknowledgement may wait for so long */
#define AGAIN_MS 100u     /* not twice within */
#define REPEAT_MS 100u    /* doubles up to 16 times itself */
#define MOST_DOUBLINGS 4u
#define ALIVE_MS 1000u
#define DEAD_MS 5000u
#define ACK_EVERY 4u
#define OVERHEAD_BYTES 12u /* of a frame, for its pace */
#define LEAST_PATIENCE_US 100u
#define MOST_PATIENCE_US 1000u
#define FULL_MEASUREMENT 1024u

static const uint8_t MAGIC[7] = {'m', 'm', 'f', 'r', 'e', 'e', 0};

void mmf_link_init(struct mmf_link *link, uint32_t now_ms) {
  memset(link, 0, sizeof *link);
  link->now_ms = now_ms;
  link->announced = MMF_INBOX;
}

static bool is_due(const struct mmf_link *link, uint32_t at_ms) {
  return (int32_t)(link->now_ms - at_ms) >= 0;
}

static void close_session(struct mmf_link *link) {
  link->is_open = link->has_opened = link->is_sending = false;
  link->count = 0;
  link->owes_ack = link->owes_ack_now = link->owes_again = link->owes_syn_ack = false;
}

static void open_session(struct mmf_link *link, const struct mmf_frame *syn, uint32_t nonce) {
  close_session(link);
  link->is_open = link->has_opened = link->owes_syn_ack = true;
  link->owes_end = false;
  link->nonce = nonce;
  link->expected = link->next = link->taken = 0;
  link->announced = MMF_INBOX;
  link->peer_window = syn->window;
  link->has_asked = false;
  link->repetitions = 0;
  link->patience_us = MOST_PATIENCE_US;
  link->acknowledged_ms = link->now_ms;
}

static void take_syn(struct mmf_link *link, const struct mmf_frame *frame) {
  if (!mmf_equal(frame->payload, MAGIC, sizeof MAGIC)) return;
  const uint32_t nonce = mmf_u32(frame->payload + 8);
  if (link->is_open && nonce == link->nonce) {
    link->owes_syn_ack = true;
  } else if (link->is_busy) {
    link->owes_busy = true;
    link->busy_nonce = nonce;
  } else {
    open_session(link, frame, nonce);
  }
}

/* Bytes of the message on its way, as the pace of the line counts them. */
static uint32_t unacknowledged(const struct mmf_link *link) {
  return link->outbox.length + OVERHEAD_BYTES;
}

/* The patience of the document for these bytes: twice what the line takes for them, at least 0.1 ms a byte. */
static uint32_t patience_ms(const struct mmf_link *link) {
  const uint32_t twice = 2 * link->patience_us;
  return (twice > LEAST_PATIENCE_US ? twice : LEAST_PATIENCE_US) * unacknowledged(link) / 1000;
}

/* An acknowledgement of a frame that was sent once measures the pace of the line. */
static void measure(struct mmf_link *link) {
  const uint32_t bytes = unacknowledged(link), took_ms = link->now_ms - link->waiting_ms;
  uint32_t us = took_ms > REPEAT_MS ? (took_ms - REPEAT_MS < DEAD_MS * 2 ? took_ms - REPEAT_MS : DEAD_MS * 2) * 1000 / bytes : 0;
  if (us > MOST_PATIENCE_US) us = MOST_PATIENCE_US;
  const uint32_t weight = bytes < FULL_MEASUREMENT ? bytes : FULL_MEASUREMENT;
  const int32_t step = ((int32_t)us - (int32_t)link->patience_us) * (int32_t)weight / (int32_t)FULL_MEASUREMENT;
  link->patience_us = (uint32_t)((int32_t)link->patience_us + step);
}

static void take_acknowledgement(struct mmf_link *link, const struct mmf_frame *frame) {
  const uint8_t ahead = (uint8_t)(frame->acknowledge - link->next);
  if (ahead == 1 && link->is_sending && link->is_sent) {
    if (!link->was_repeated) measure(link);
    link->is_sending = false;
    link->next++;
    link->repetitions = 0;
    link->acknowledged_ms = link->now_ms;
  } else if (ahead != 0) {
    return; /* of a frame that was never sent, or acknowledged long ago */
  }
  link->peer_window = frame->window;
}

static void repeat(struct mmf_link *link) {
  if (link->is_sending && link->is_sent) link->is_sent = false, link->was_repeated = true;
}

static void owe_again(struct mmf_link *link) {
  const bool is_early = link->has_asked && link->asked == link->expected && !is_due(link, link->again_ms + AGAIN_MS);
  if (link->is_open && !is_early) link->owes_again = true;
}

static void owe_ack(struct mmf_link *link) {
  if (!link->owes_ack) link->ack_due_ms = link->now_ms + ACK_MS;
  link->owes_ack = true;
}

static void take_data(struct mmf_link *link, const struct mmf_frame *frame) {
  const uint8_t ahead = (uint8_t)(frame->sequence - link->expected);
  if (ahead != 0) {
    if (ahead < 128) owe_again(link);
    else owe_ack(link);
    return;
  }
  if (link->count == MMF_INBOX) return;
  struct mmf_message *message = &link->inbox[(link->first + link->count++) % MMF_INBOX];
  message->type = frame->type;
  message->length = frame->length;
  memcpy(message->payload, frame->payload, frame->length);
  link->expected++;
  link->taken++;
  owe_ack(link);
  if (link->taken >= ACK_EVERY || 2 * link->taken >= link->announced) link->owes_ack_now = true;
}

static void take_frame(struct mmf_link *link, const struct mmf_frame *frame) {
  if (frame->kind == MMFREE_FRAME_SYN) {
    link->heard_ms = link->now_ms;
    take_syn(link, frame);
  } else if (frame->kind == MMFREE_FRAME_END) {
    close_session(link);
  } else if (frame->kind == MMFREE_FRAME_DATA || frame->kind == MMFREE_FRAME_ACK) {
    if (!link->is_open) {
      link->owes_end = true;
      return;
    }
    link->heard_ms = link->now_ms;
    take_acknowledgement(link, frame);
    if (frame->kind == MMFREE_FRAME_DATA) take_data(link, frame);
    if ((frame->flags & MMF_FLAG_AGAIN) == 0) return;
    if (link->is_sending && link->is_sent) repeat(link);
    else if (!link->is_sending) link->owes_ack = link->owes_ack_now = true;
  }
}

/* Whether a byte is text. Enter on an empty line begins it, and is one byte or two; a zero ends it. */
static bool take_text(struct mmf_link *link, uint8_t byte) {
  if (link->is_open || byte == 0) {
    /* A zero, too, so that what was told is no part of the next frame. */
    uint8_t *end = link->is_typed ? mmf_link_text(link, 1) : 0;
    if (end != 0) *end = 0;
    link->is_typed = link->is_in_line = link->was_return = false;
    return false;
  }
  const bool is_second = byte == '\n' && link->was_return, is_enter = byte == '\r' || byte == '\n';
  link->was_return = byte == '\r';
  if (link->is_typed) {
    if (!is_second && link->typed < MMFREE_MAX_PAYLOAD_BYTES) link->inbox[0].payload[link->typed++] = byte;
    return true;
  }
  if (is_enter && !is_second && !link->is_in_line) {
    link->is_typed = true;
    link->typed = link->typed_at = 0;
    return true;
  }
  if (!is_second) link->is_in_line = !is_enter;
  return false;
}

void mmf_link_receive(struct mmf_link *link, const uint8_t *bytes, uint32_t length, uint32_t now_ms) {
  link->now_ms = now_ms;
  link->counts.bytes_in += length;
  for (uint32_t index = 0; index < length; index++) {
    struct mmf_frame frame;
    if (take_text(link, bytes[index])) continue;
    const enum mmf_frame_result result = mmf_frame_take(&link->reader, bytes[index], &frame);
    if (result == MMF_FRAME_BAD) {
      link->counts.bad_frames++;
      owe_again(link);
    } else if (result == MMF_FRAME_GOOD) {
      link->counts.frames_in++;
      take_frame(link, &frame);
    }
  }
}

static uint32_t repeat_ms(const struct mmf_link *link) {
  const uint32_t doublings = link->repetitions < MOST_DOUBLINGS ? link->repetitions : MOST_DOUBLINGS;
  return (REPEAT_MS << doublings) + patience_ms(link);
}

static bool is_waiting(const struct mmf_link *link) {
  return link->is_sending && link->is_sent;
}

static bool is_dead(const struct mmf_link *link) {
  if (is_due(link, link->heard_ms + DEAD_MS + link->reader.on_the_line)) return true;
  return is_waiting(link) && is_due(link, link->acknowledged_ms + DEAD_MS + patience_ms(link) + link->reader.on_the_line);
}

static uint32_t sooner(const struct mmf_link *link, uint32_t wait_ms, uint32_t at_ms) {
  const uint32_t left = is_due(link, at_ms) ? 0 : at_ms - link->now_ms;
  return left < wait_ms ? left : wait_ms;
}

uint32_t mmf_link_poll(struct mmf_link *link, uint32_t now_ms) {
  link->now_ms = now_ms;
  if (!link->is_open) return UINT32_MAX;
  if (is_dead(link)) {
    close_session(link);
    link->owes_end = true;
    return UINT32_MAX;
  }
  if (is_waiting(link) && is_due(link, link->waiting_ms + repeat_ms(link))) {
    link->repetitions++;
    link->patience_us = link->patience_us < LEAST_PATIENCE_US / 2 ? LEAST_PATIENCE_US : 2 * link->patience_us;
    if (link->patience_us > MOST_PATIENCE_US) link->patience_us = MOST_PATIENCE_US;
    repeat(link);
  }
  if (link->owes_ack && is_due(link, link->ack_due_ms)) link->owes_ack_now = true;
  if (is_due(link, link->sent_ms + ALIVE_MS)) link->owes_ack = link->owes_ack_now = true;
  uint32_t wait_ms = sooner(link, ALIVE_MS, link->sent_ms + ALIVE_MS);
  if (link->owes_ack) wait_ms = sooner(link, wait_ms, link->ack_due_ms);
  if (is_waiting(link)) wait_ms = sooner(link, wait_ms, link->waiting_ms + repeat_ms(link));
  return wait_ms;
}

static void put_frame(struct mmf_link *link, struct mmf_frame frame) {
  link->out_at = link->out_length = 0;
  if (!link->has_sent || is_due(link, link->sent_ms + PAUSE_MS)) link->out[link->out_length++] = 0;
  link->out_length += mmf_frame_encode(&frame, link->out + link->out_length);
  link->has_sent = true;
  link->sent_ms = link->now_ms;
  link->counts.frames_out++;
}

static uint8_t window(const struct mmf_link *link) {
  return (uint8_t)(MMF_INBOX - link->count);
}

/* Every DATA and ACK says what is expected next. */
static void acknowledge(struct mmf_link *link, struct mmf_frame frame) {
  frame.acknowledge = link->expected;
  frame.window = link->announced = window(link);
  link->taken = 0;
  link->owes_ack = link->owes_ack_now = false;
  put_frame(link, frame);
}

static void put_next(struct mmf_link *link) {
  uint8_t payload[8];
  if (link->owes_end) {
    link->owes_end = false;
    put_frame(link, (struct mmf_frame){.kind = MMFREE_FRAME_END});
  } else if (link->owes_syn_ack) {
    link->owes_syn_ack = false;
    mmf_put_u32(payload, link->nonce);
    put_frame(link, (struct mmf_frame){.kind = MMFREE_FRAME_SYN_ACK, .window = window(link), .length = 4, .payload = payload});
  } else if (link->owes_busy) {
    link->owes_busy = false;
    mmf_put_u32(payload, link->busy_nonce);
    mmf_put_u32(payload + 4, link->silent_ms);
    put_frame(link, (struct mmf_frame){.kind = MMFREE_FRAME_BUSY, .length = 8, .payload = payload});
  } else if (link->owes_again) {
    link->owes_again = false;
    link->has_asked = true;
    link->asked = link->expected;
    link->again_ms = link->now_ms;
    acknowledge(link, (struct mmf_frame){.kind = MMFREE_FRAME_ACK, .flags = MMF_FLAG_AGAIN});
  } else if (link->is_sending && !link->is_sent && link->peer_window > 0) {
    const struct mmf_message *message = &link->outbox;
    link->is_sent = true;
    link->waiting_ms = link->now_ms;
    if (link->was_repeated) link->counts.repeats++;
    else link->acknowledged_ms = link->now_ms;
    acknowledge(link, (struct mmf_frame){.kind = MMFREE_FRAME_DATA,
                                         .type = message->type,
                                         .sequence = link->next,
                                         .length = message->length,
                                         .payload = message->payload});
  } else if (link->owes_ack_now) {
    acknowledge(link, (struct mmf_frame){.kind = MMFREE_FRAME_ACK});
  }
}

uint32_t mmf_link_output(struct mmf_link *link, const uint8_t **bytes) {
  if (link->out_at == link->out_length) {
    link->out_at = link->out_length = 0;
    put_next(link);
  }
  *bytes = link->out + link->out_at;
  return link->out_length - link->out_at;
}

void mmf_link_took(struct mmf_link *link, uint32_t length) {
  link->out_at += length;
  link->counts.bytes_out += length;
}

const struct mmf_message *mmf_link_message(const struct mmf_link *link) {
  return link->count > 0 ? &link->inbox[link->first] : 0;
}

void mmf_link_drop(struct mmf_link *link) {
  if (link->count == 0) return;
  link->first = (link->first + 1) % MMF_INBOX;
  link->count--;
  if (link->announced == 0) link->owes_ack = link->owes_ack_now = true;
}

struct mmf_message *mmf_link_room(struct mmf_link *link) {
  return link->is_open && !link->is_sending ? &link->outbox : 0;
}

void mmf_link_send(struct mmf_link *link) {
  link->is_sending = true;
  link->is_sent = link->was_repeated = false;
}

void mmf_link_refuse(struct mmf_link *link) {
  close_session(link);
  link->owes_busy = true;
  link->busy_nonce = link->nonce;
}

void mmf_link_end(struct mmf_link *link) {
  if (!link->is_open) return;
  close_session(link);
  link->owes_end = true;
}

void mmf_link_unplug(struct mmf_link *link) {
  close_session(link);
  link->is_typed = link->is_in_line = link->was_return = false;
  link->owes_end = link->owes_busy = false;
  link->out_at = link->out_length = 0;
}

bool mmf_link_typed(struct mmf_link *link, uint8_t *byte) {
  if (link->typed_at == link->typed) {
    link->typed = link->typed_at = 0;
    return false;
  }
  *byte = link->inbox[0].payload[link->typed_at++];
  return true;
}

bool mmf_link_has_text_room(const struct mmf_link *link) {
  return link->out_at == link->out_length;
}

uint8_t *mmf_link_text(struct mmf_link *link, uint32_t length) {
  if (link->out_at == link->out_length) link->out_at = link->out_length = 0;
  if (length > sizeof link->out - link->out_length) return 0;
  link->out_length += length;
  return link->out + link->out_length - length;
}

void mmf_link_end_text(struct mmf_link *link) {
  link->is_typed = link->is_in_line = false;
}

uint32_t mmf_link_silent_ms(const struct mmf_link *link) {
  return link->now_ms - link->heard_ms;
}
