/*
 * Text on a line where no host has a session: Enter on an empty line gives a prompt, and a text typed there a tale. Nothing
 * else begins it (programs that look for modems send "AT"), and a zero, which ends every frame, ends it.
 *
 * While it lasts, what is typed waits in the inbox of the line, and what is told in its place for a frame.
 */
#ifndef MMF_CONSOLE_H
#define MMF_CONSOLE_H

#include "tokenizer.h"

struct mmf_board;
struct mmf_link;

enum mmf_console_state { MMF_CONSOLE_OFF, MMF_CONSOLE_PROMPTS, MMF_CONSOLE_LISTENS, MMF_CONSOLE_TELLS };

struct mmf_console {
  struct mmf_link *line; /* 0: none */
  enum mmf_console_state state;
  struct mmf_tokenizer tokenizer;
  uint8_t text[MMF_MOST_TEXT_BYTES];
  uint32_t length;
};

/* One piece of work, if there is some. */
bool mmf_console_work(struct mmf_board *board);

#endif
