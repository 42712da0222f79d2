/* HELLO and INFO: docs/PROTOCOL.md, sections 4 and 8. */
#include "bytes.h"
#include "cbor-writer.h"
#include "requests.h"

static const uint8_t SCHEMA[8] = MMFREE_SCHEMA;

static void put_limits(struct mmf_cbor_writer *writer, const struct mmf_board *board) {
  const struct mmf_shape *limits = &board->options.limits;
  mmf_cbor_put_key(writer, "limits");
  mmf_cbor_put_map(writer, 7);
  mmf_cbor_put_number(writer, "layers", limits->layers);
  mmf_cbor_put_number(writer, "window", MMF_INBOX);
  mmf_cbor_put_number(writer, "vocab_size", limits->vocab);
  mmf_cbor_put_number(writer, "hidden_size", limits->hidden);
  mmf_cbor_put_number(writer, "image_bytes", mmf_store_slot_bytes(&board->store));
  mmf_cbor_put_number(writer, "prompt_tokens", MMFREE_MAX_RUN_TOKENS);
  mmf_cbor_put_number(writer, "intermediate_size", limits->intermediate);
}

static void put_image(struct mmf_cbor_writer *writer, const struct mmf_board *board) {
  const struct mmf_head *head = &board->image.head;
  mmf_cbor_put_key(writer, "image");
  mmf_cbor_put_map(writer, 10);
  mmf_cbor_put_string(writer, "name", MMF_CBOR_TEXT, board->image.name);
  mmf_cbor_put_number(writer, "layers", head->shape.layers);
  mmf_cbor_put_string(writer, "sha256", MMF_CBOR_BYTES, (struct mmf_span){board->image.sha256, MMF_SHA256_BYTES});
  mmf_cbor_put_number(writer, "revision", head->revision);
  mmf_cbor_put_boolean(writer, "confirmed", board->store.is_confirmed);
  mmf_cbor_put_number(writer, "vocab_size", head->shape.vocab);
  mmf_cbor_put_number(writer, "hidden_size", head->shape.hidden);
  mmf_cbor_put_number(writer, "bos_token_id", head->shape.bos);
  mmf_cbor_put_number(writer, "eos_token_id", head->shape.eos);
  mmf_cbor_put_number(writer, "intermediate_size", head->shape.intermediate);
}

/* The first HELLO of a session has the keys of section 4 only: older hosts refuse others. */
uint32_t mmf_hello(const struct mmf_board *board, uint8_t *to, bool is_full) {
  static const char *const groups[] = {MMFREE_CAPABILITY_RESTART_1, MMFREE_CAPABILITY_STATE_1};
  const uint32_t skipped = board->options.can_restart ? 0 : 1;
  struct mmf_cbor_writer writer = {to};
  mmf_cbor_put_map(&writer, 10u + board->has_image + is_full);
  mmf_cbor_put_text(&writer, "board", board->options.board);
  if (board->has_image) put_image(&writer, board);
  mmf_cbor_put_number(&writer, "slots", board->store.slots);
  put_limits(&writer, board);
  mmf_cbor_put_string(&writer, "schema", MMF_CBOR_BYTES, (struct mmf_span){SCHEMA, sizeof SCHEMA});
  mmf_cbor_put_text(&writer, "serial", board->options.serial);
  mmf_cbor_put_text(&writer, "firmware", board->options.firmware);
  mmf_cbor_put_number(&writer, "protocol", MMFREE_PROTOCOL_VERSION);
  mmf_cbor_put_number(&writer, "boot_nonce", board->options.boot_nonce);
  if (is_full) mmf_cbor_put_array(&writer, "capabilities", groups + skipped, 2 - skipped);
  mmf_cbor_put_number(&writer, "sector_bytes", board->store.flash.sector_bytes);
  mmf_cbor_put_number(&writer, "minimum_revision", board->options.minimum_revision);
  return (uint32_t)(writer.at - to);
}

static const char *state_of(const struct mmf_board *board) {
  if (board->flashing.is_open) return "flashing";
  if (!board->run.is_going) return "idle";
  return mmf_run_is_waiting(board) ? "waiting" : "running";
}

void mmf_info(const struct mmf_board *board, struct mmf_message *to) {
  const struct mmf_link *line = board->session;
  struct mmf_cbor_writer writer = {to->payload};
  mmf_cbor_put_map(&writer, 4u + board->run.is_known);
  if (board->run.is_known) {
    mmf_cbor_put_key(&writer, "run");
    mmf_cbor_put_map(&writer, 2);
    mmf_cbor_put_number(&writer, "run", board->run.run);
    mmf_cbor_put_number(&writer, "next_index", board->run.next);
  }
  mmf_cbor_put_key(&writer, "link");
  mmf_cbor_put_map(&writer, 6);
  mmf_cbor_put_number(&writer, "repeats", line->counts.repeats);
  mmf_cbor_put_number(&writer, "bytes_in", line->counts.bytes_in);
  mmf_cbor_put_number(&writer, "bytes_out", line->counts.bytes_out);
  mmf_cbor_put_number(&writer, "frames_in", line->counts.frames_in);
  mmf_cbor_put_number(&writer, "bad_frames", line->counts.bad_frames);
  mmf_cbor_put_number(&writer, "frames_out", line->counts.frames_out);
  mmf_cbor_put_text(&writer, "state", state_of(board));
  mmf_cbor_put_number(&writer, "steps", board->steps);
  mmf_cbor_put_number(&writer, "uptime_ms", board->uptime_ms);
  to->type = MMFREE_MESSAGE_INFO;
  to->length = (uint32_t)(writer.at - to->payload);
}
