/*
 * Boards of the core as a filter, in a time that a test tells, with flashes that the test has: one command at a time from
 * the first file, events and a result to the second one. Numbers are u32, little-endian.
 *
 * start    'S', 0, board, serial number, firmware (64 bytes each, with zeros behind), now, boot nonce, slots, sector bytes,
 *          minimum revision, V, H, I, L, flash bytes, the flash
 *                                          result: the number of the board
 * line     'L', board                      result: its number
 * remove   'X', board, line
 * receive  'R', board, now, line, length, bytes
 * work     'W', board, now                 result: in how many milliseconds to call again, 0xffffffff: never
 * DFU      'U', board, now, bits 0 and 1: in, vendor; request, value, length, data: not of an in
 *                                          result: bytes of the answer, which come before; 0xffffffff: STALL
 * idle     'I', board                      ends what goes on over DFU
 * image    'M', board                      result: where in the flash the one that runs is, and 1 if it is confirmed; or 0xffffffff
 *
 * Events: 'w', line, length, bytes (for the line, 0xffffffff: the answer over DFU); 'e', offset and 'p', offset, length, bytes (erase, program): the test answers
 * 0 (the part failed), 1 and the bytes that are there now, or 2: the power is gone, and so is the board. At the end 'd', result.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "board.h"
#include "little-endian.h"

#define MOST_NAME_BYTES 64
#define NONE 0xffffffffu

struct tested_board {
  struct mmf_board board;
  struct mmf_link *links[MMF_MAX_LINES];
  struct mmf_dfu dfu;
  uint8_t *flash;
  uint32_t now_ms;
  char names[4][MOST_NAME_BYTES]; /* the fourth ends the third */
};

static FILE *commands, *events;
static jmp_buf power_is_gone;
static struct tested_board **boards;
static uint32_t board_count;

static void read_bytes(void *to, size_t length) {
  if (fread(to, 1, length, commands) != length) exit(0);
}

static uint32_t read_word(void) {
  uint8_t bytes[4];
  read_bytes(bytes, sizeof bytes);
  return mmf_u32(bytes);
}

static void write_bytes(const void *bytes, size_t length) {
  if (fwrite(bytes, 1, length, events) != length) exit(2);
}

static void write_word(uint32_t word) {
  uint8_t bytes[4];
  mmf_put_u32(bytes, word);
  write_bytes(bytes, sizeof bytes);
}

static void *room(size_t bytes) {
  void *memory = calloc(1, bytes);
  if (memory == NULL) exit(2);
  return memory;
}

static bool take_change(struct tested_board *tested, uint32_t offset, uint32_t length) {
  fflush(events);
  const uint32_t answer = read_word();
  if (answer == 2) longjmp(power_is_gone, 1);
  if (answer == 1) read_bytes(tested->flash + offset, length);
  return answer == 1;
}

static bool erase(void *context, uint32_t offset) {
  struct tested_board *tested = context;
  write_bytes("e", 1);
  write_word(offset);
  return take_change(tested, offset, tested->board.store.flash.sector_bytes);
}

static bool program(void *context, uint32_t offset, const uint8_t *bytes, uint32_t length) {
  write_bytes("p", 1);
  write_word(offset);
  write_word(length);
  write_bytes(bytes, length);
  return take_change(context, offset, length);
}

static uint32_t clock_ms(void *context) {
  return ((struct tested_board *)context)->now_ms;
}

/* What models of the largest sizes need, and hardly any of them touches. */
static void *arena(size_t bytes) {
  void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) exit(2);
  return memory;
}

static uint32_t start(void) {
  struct tested_board *tested = room(sizeof *tested);
  boards = realloc(boards, (board_count + 1) * sizeof *boards);
  if (boards == NULL) exit(2);
  boards[board_count] = tested;
  read_bytes(tested->names, 3 * MOST_NAME_BYTES);
  tested->now_ms = read_word();
  struct mmf_board_options options = {.board = tested->names[0],
                                      .serial = tested->names[1],
                                      .firmware = tested->names[2],
                                      .now_ms = clock_ms,
                                      .context = tested,
                                      .boot_nonce = read_word()};
  const uint32_t slots = read_word(), sector_bytes = read_word();
  options.minimum_revision = read_word();
  options.limits.vocab = read_word();
  options.limits.hidden = read_word();
  options.limits.intermediate = read_word();
  options.limits.layers = read_word();
  options.memory = arena(mmf_board_bytes(&options.limits));
  const uint32_t length = read_word();
  tested->flash = room(length);
  read_bytes(tested->flash, length);
  const struct mmf_flash flash = {tested->flash, length, sector_bytes, erase, program, tested};
  mmf_board_start(&tested->board, &options, &flash, slots);
  mmf_board_add_dfu(&tested->board, &tested->dfu);
  return board_count++;
}

static uint32_t add_line(struct tested_board *tested) {
  uint32_t number = 0;
  while (number < MMF_MAX_LINES && tested->links[number] != NULL) number++;
  if (number == MMF_MAX_LINES) exit(2);
  tested->links[number] = room(sizeof *tested->links[number]);
  mmf_link_init(tested->links[number], tested->now_ms);
  mmf_board_add_line(&tested->board, tested->links[number]);
  return number;
}

static void remove_line(struct tested_board *tested, uint32_t number) {
  mmf_board_remove_line(&tested->board, tested->links[number]);
  free(tested->links[number]);
  tested->links[number] = NULL;
}

static void receive(struct tested_board *tested) {
  static uint8_t bytes[65536];
  tested->now_ms = read_word();
  const uint32_t number = read_word(), length = read_word();
  for (uint32_t done = 0; done < length;) {
    const uint32_t piece = length - done < sizeof bytes ? length - done : (uint32_t)sizeof bytes;
    read_bytes(bytes, piece);
    mmf_link_receive(tested->links[number], bytes, piece, tested->now_ms);
    done += piece;
  }
}

static void write_to(uint32_t number, const uint8_t *bytes, uint32_t length) {
  write_bytes("w", 1);
  write_word(number);
  write_word(length);
  write_bytes(bytes, length);
}

static uint32_t ask_dfu(struct tested_board *tested) {
  static uint8_t nowhere[1 << 16], small[MMF_DFU_MOST_ANSWER_BYTES];
  tested->now_ms = read_word();
  const uint32_t bits = read_word(), number = read_word(), value = read_word(), length = read_word();
  const struct mmf_dfu_request request = {(bits & 1) != 0, (bits & 2) != 0, (uint8_t)number, value, length};
  if (length > sizeof nowhere) exit(2);
  if (request.is_in) {
    uint32_t given;
    const uint8_t *bytes = mmf_dfu_in(&tested->dfu, &request, small, &given);
    if (bytes == NULL) return NONE;
    write_to(NONE, bytes, given);
    return given;
  }
  uint8_t *room_for_data = length == 0 ? nowhere : mmf_dfu_room(&tested->dfu, &request);
  read_bytes(room_for_data == NULL ? nowhere : room_for_data, length);
  return room_for_data != NULL && mmf_dfu_out(&tested->dfu, &request) ? 0 : NONE;
}

static uint32_t image_place(const struct tested_board *tested) {
  const struct mmf_board *board = &tested->board;
  return board->has_image ? mmf_store_slot_offset(&board->store, board->slot) | board->store.is_confirmed : NONE;
}

static uint32_t work(struct tested_board *tested) {
  tested->now_ms = read_word();
  const uint32_t wait_ms = mmf_board_work(&tested->board);
  for (uint32_t number = 0; number < MMF_MAX_LINES; number++) {
    const uint8_t *bytes;
    uint32_t length;
    while (tested->links[number] != NULL && (length = mmf_link_output(tested->links[number], &bytes)) > 0) {
      write_to(number, bytes, length);
      mmf_link_took(tested->links[number], length);
    }
  }
  return wait_ms;
}

static uint32_t carry_out(uint8_t command) {
  const uint32_t number = read_word();
  if (command == 'S') return start();
  if (number >= board_count) exit(2);
  switch (command) {
    case 'L': return add_line(boards[number]);
    case 'X': remove_line(boards[number], read_word()); return 0;
    case 'R': receive(boards[number]); return 0;
    case 'W': return work(boards[number]);
    case 'U': return ask_dfu(boards[number]);
    case 'I': mmf_dfu_reset(&boards[number]->dfu); return 0;
    case 'M': return image_place(boards[number]);
    default: exit(2);
  }
}

int main(int count, char **arguments) {
  if (count != 3) return 2;
  commands = fopen(arguments[1], "rb");
  events = fopen(arguments[2], "wb");
  if (commands == NULL || events == NULL) return 2;
  for (;;) {
    uint8_t command;
    read_bytes(&command, 1);
    const uint32_t result = setjmp(power_is_gone) == 0 ? carry_out(command) : 0;
    write_bytes("d", 1);
    write_word(result);
    fflush(events);
  }
}
