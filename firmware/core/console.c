#include "console.h"

#include "bytes.h"
#include "requests.h"

#define ENTER '\r'
#define BACKSPACE 8
#define DELETE 127
#define INVERSE_TEMPERATURE 1847u /* 0.8: docs/ARITHMETIC.md, section 7 */
#define TOP_K 40u
#define MOST_TOKENS 400u

static void say_bytes(struct mmf_console *console, const uint8_t *bytes, uint32_t length) {
  uint8_t *to = mmf_link_text(console->line, length);
  if (to != 0) memcpy(to, bytes, length);
}

static void say(struct mmf_console *console, const char *text) {
  say_bytes(console, (const uint8_t *)text, mmf_text_length(text));
}

static void stop(struct mmf_board *board) {
  struct mmf_console *console = &board->console;
  if (console->state == MMF_CONSOLE_TELLS) board->run.is_going = board->run.is_known = false;
  console->line = 0;
  console->state = MMF_CONSOLE_OFF;
}

/* The line is one of frames again. */
static void end(struct mmf_board *board) {
  mmf_link_end_text(board->console.line);
  stop(board);
}

/* The line that somebody types on: the first one. */
static struct mmf_link *typed_line(const struct mmf_board *board) {
  for (uint32_t index = 0; index < board->line_count; index++) {
    if (board->lines[index]->is_typed) return board->lines[index];
  }
  return 0;
}

static void prompt(struct mmf_board *board) {
  struct mmf_console *console = &board->console;
  const struct mmf_image *image = &board->image;
  console->length = 0;
  if (board->session != 0 || board->trial.is_going || board->flashing.is_open || board->run.is_going) {
    say(console, "\r\nThis board is busy with a host.\r\n");
  } else if (!board->has_image) {
    say(console, "\r\nThere is no model on this board: send it one with mmfree flash.\r\n");
  } else {
    console->tokenizer.breathe = board->options.breathe;
    console->tokenizer.context = board->options.context;
    const bool is_read = mmf_tokenizer_open(&console->tokenizer, (struct mmf_span){image->bytes + image->head.sections[MMF_TOKENIZER].offset,
                                                                                   image->head.sections[MMF_TOKENIZER].length});
    /* A program may have found the line meanwhile. */
    if (!console->line->is_typed) {
      stop(board);
      return;
    }
    if (is_read) {
      say(console, "\r\nHow does the tale begin? ");
      console->state = MMF_CONSOLE_LISTENS;
      return;
    }
    say(console, "\r\nThis board cannot read the tokenizer of its model: use mmfree run.\r\n");
  }
  end(board);
}

static void tell(struct mmf_board *board) {
  struct mmf_console *console = &board->console;
  struct mmf_run *run = &board->run;
  const uint32_t bos = board->image.head.shape.bos, vocab = board->image.head.shape.vocab;
  run->tokens[0] = (uint16_t)bos;
  const uint32_t count =
      console->length == 0 ? 0 : mmf_tokenizer_encode(&console->tokenizer, console->text, console->length, vocab, run->tokens + 1);
  /* A program may have found the line meanwhile. */
  if (!console->line->is_typed) {
    stop(board);
    return;
  }
  if (count == 0 && console->length > 0) {
    say(console, "\r\nOnly letters, digits and signs of ASCII, please.\r\n");
    console->state = MMF_CONSOLE_PROMPTS;
    return;
  }
  mmf_run_begin(run, 0, count + 1, false);
  run->run = 0;
  run->most = MOST_TOKENS;
  run->sampler = (struct mmf_sampler){.top_k = TOP_K,
                                      .inverse_temperature = INVERSE_TEMPERATURE,
                                      .top_p = MMFREE_MAX_TOP_P,
                                      .seed = {board->clock_ms, board->options.boot_nonce}};
  mmf_board_reset(board);
  say(console, "\r\n\r\n");
  say_bytes(console, console->text, console->length);
  console->state = MMF_CONSOLE_TELLS;
}

static void listen(struct mmf_board *board) {
  struct mmf_console *console = &board->console;
  uint8_t byte;
  while (mmf_link_typed(console->line, &byte)) {
    if (byte == ENTER || byte == '\n') {
      tell(board);
      return;
    }
    if (byte == BACKSPACE || byte == DELETE) {
      if (console->length == 0) continue;
      console->length--;
      say(console, "\b \b");
    } else if (byte >= ' ' && console->length < MMF_MOST_TEXT_BYTES - 1) {
      console->text[console->length++] = byte;
      say_bytes(console, &byte, 1);
    }
  }
}

/* A token that was told, then the end. */
static void tell_on(struct mmf_board *board) {
  struct mmf_console *console = &board->console;
  struct mmf_run *run = &board->run;
  uint8_t bytes[MMF_MOST_TOKEN_BYTES], byte;
  while (mmf_link_typed(console->line, &byte)) {
  }
  if (run->sent < run->next) {
    const uint16_t token = run->tokens[run->sent++ % MMF_KEPT_TOKENS];
    if (mmf_image_ends(&board->image, token)) return;
    const uint32_t length = mmf_tokenizer_bytes(&console->tokenizer, token, bytes);
    for (uint32_t index = 0; index < length; index++) {
      if (bytes[index] == '\n') say(console, "\r");
      say_bytes(console, bytes + index, 1);
    }
  } else if (!run->is_going) {
    say(console, "\r\n\r\nEnter: another tale\r\n");
    end(board);
  }
}

bool mmf_console_work(struct mmf_board *board) {
  struct mmf_console *console = &board->console;
  if (console->line != 0 && !console->line->is_typed) stop(board);
  if (console->line == 0) {
    console->line = typed_line(board);
    if (console->line == 0) return false;
    console->state = MMF_CONSOLE_PROMPTS;
  }
  if (!mmf_link_has_text_room(console->line)) return false;
  const enum mmf_console_state before = console->state;
  const uint32_t sent = board->run.sent;
  if (console->state == MMF_CONSOLE_PROMPTS) prompt(board);
  else if (console->state == MMF_CONSOLE_LISTENS) listen(board);
  else tell_on(board);
  return console->state != before || board->run.sent != sent;
}
