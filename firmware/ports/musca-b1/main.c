/*
 * The board on an Arm Musca-B1 (Cortex-M33), as QEMU 7.2 emulates it: for tests of the core and of the RP2350's products as
 * they are compiled for microcontrollers, and for long runs. One line, UART0 (PL011). The flash can only be read, so images are
 * put there from outside (docs/PICO.md), and a flash from a host ends with ERROR 18.
 */
#include "board.h"
#include "bytes.h"
#include "products.h"

#define UART0 ((volatile uint32_t *)0x50105000u)
#define SYSTICK ((volatile uint32_t *)0xe000e010u)

/* PL011, in words: data, flags, line control, control. */
enum { UART_DATA = 0x00 / 4, UART_FLAGS = 0x18 / 4, UART_LINE = 0x2c / 4, UART_CONTROL = 0x30 / 4 };
enum { UART_IS_FULL = 1 << 5, UART_IS_EMPTY = 1 << 4, UART_8_BITS_FIFO = 7 << 4, UART_ON = 1 | 1 << 8 | 1 << 9 };
enum { SYSTICK_CONTROL, SYSTICK_RELOAD, SYSTICK_VALUE };
enum { SYSTICK_ON = 7 };

#define CLOCKS_PER_MS 40000u
#define IMAGES 0x10020000u
#define BOOT_NONCE 0x1001fffcu /* nothing here is random: whoever starts QEMU puts one there */
#define IMAGE_BYTES (16u << 20)
#define MOST_HIDDEN 512u
#define MOST_INTERMEDIATE 1536u
#define MOST_LAYERS 12u
/* mmf_board_bytes of these: four states' worth of words, and what a token needs. */
#define MEMORY_WORDS (3 * MOST_LAYERS * MOST_HIDDEN + 2 * MOST_HIDDEN + 4 * MOST_INTERMEDIATE)

extern uint32_t data_start[], data_end[], data_source[], bss_start[], bss_end[], stack_top[];

static struct mmf_board board;
static struct mmf_link line;
static uint32_t memory[MEMORY_WORDS];
static volatile uint32_t milliseconds;

void reset(void);
static void tick(void);
static void fault(void);

__attribute__((section(".vectors"), used)) static const struct {
  uint32_t *stack;
  void (*handlers[15])(void);
} vectors = {stack_top, {reset, fault, fault, fault, fault, fault, fault, 0, 0, 0, fault, fault, 0, fault, tick}};

static void tick(void) {
  milliseconds++;
}

static void fault(void) {
  for (;;) {
  }
}

static uint32_t now_ms(void *context) {
  (void)context;
  return milliseconds;
}

/* What came, and what is to go, as far as the UART has room. */
static void serve(void *context) {
  (void)context;
  while ((UART0[UART_FLAGS] & UART_IS_EMPTY) == 0) {
    const uint8_t byte = (uint8_t)UART0[UART_DATA];
    mmf_link_receive(&line, &byte, 1, milliseconds);
  }
  mmf_link_poll(&line, milliseconds);
  const uint8_t *bytes;
  uint32_t length;
  while ((length = mmf_link_output(&line, &bytes)) > 0) {
    uint32_t sent = 0;
    while (sent < length && (UART0[UART_FLAGS] & UART_IS_FULL) == 0) UART0[UART_DATA] = bytes[sent++];
    mmf_link_took(&line, sent);
    if (sent < length) return;
  }
}

static bool cannot_erase(void *context, uint32_t offset) {
  (void)context, (void)offset;
  return false;
}

static bool cannot_program(void *context, uint32_t offset, const uint8_t *bytes, uint32_t length) {
  (void)context, (void)offset, (void)bytes, (void)length;
  return false;
}

void reset(void) {
  for (uint32_t *to = data_start, *from = data_source; to < data_end;) *to++ = *from++;
  for (uint32_t *to = bss_start; to < bss_end;) *to++ = 0;
  SYSTICK[SYSTICK_RELOAD] = CLOCKS_PER_MS - 1;
  SYSTICK[SYSTICK_VALUE] = 0;
  SYSTICK[SYSTICK_CONTROL] = SYSTICK_ON;
  UART0[UART_LINE] = UART_8_BITS_FIFO;
  UART0[UART_CONTROL] = UART_ON;
  start_products();
  const struct mmf_board_options options = {
      .board = "musca-b1",
      .serial = "qemu",
      .firmware = "1",
      .limits = {.vocab = MMFREE_MAX_VOCAB_SIZE, .hidden = MOST_HIDDEN, .intermediate = MOST_INTERMEDIATE, .layers = MOST_LAYERS},
      .boot_nonce = *(const volatile uint32_t *)BOOT_NONCE,
      .now_ms = now_ms,
      .breathe = serve,
      .multiply = multiply_on_both,
      .memory = memory,
  };
  const struct mmf_flash flash = {(const uint8_t *)IMAGES, IMAGE_BYTES, 4096, cannot_erase, cannot_program, 0};
  if (mmf_board_bytes(&options.limits) > sizeof memory) fault();
  mmf_link_init(&line, 0);
  mmf_board_start(&board, &options, &flash, 1);
  mmf_board_add_line(&board, &line);
  for (;;) {
    serve(0);
    mmf_board_work(&board);
  }
}
