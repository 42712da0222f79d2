/*
 * The board on an RP2040 or RP2350 with at least 2 MB of flash, such as a Raspberry Pi Pico: two lines, UART0 and USB. The
 * LED at GPIO 25 changes with every token.
 */
#include <chip.h>

#include "board.h"
#include "boot-mode.h"
#include "clocks.h"
#include "cores.h"
#include "flash.h"
#include "products.h"
#include "stream.h"
#include "uart.h"
#include "usb-controller.h"
#include "usb.h"
#include "watchdog.h"

#define LED 25u
#define SIO_FUNCTION 5u
/* Of its own clock, with an interrupt. */
#define SYSTICK_ON 7u
#define TICK_MS 10u

/* Behind the firmware, up to the end of the flash: one slot, or two where each has room for every model that the limits allow. */
#define FIRMWARE_BYTES (128u << 10)
#define IMAGES (FLASH_WINDOW + FIRMWARE_BYTES)
#define TWO_SLOTS_BYTES (8u << 20)

#define MOST_HIDDEN 256u
#define MOST_INTERMEDIATE 768u
#define MOST_LAYERS 8u
/* Three states, and what a token needs. */
#define MEMORY_WORDS (3 * MOST_LAYERS * MOST_HIDDEN + 3 * MOST_HIDDEN + 2 * MOST_INTERMEDIATE)

extern uint32_t data_start[], data_end[], data_source[], bss_start[], bss_end[], stack_top[];
extern uint32_t bank_0_start[], bank_0_end[], bank_0_source[], bank_1_start[], bank_1_end[], bank_1_source[];

static struct mmf_board board;
static struct mmf_link line, usb_line;
static struct mmf_dfu dfu;
static bool is_on_usb; /* when its board has started */
static uint32_t memory[MEMORY_WORDS];

void reset(void);
static void fault(void);
static void tick(void);
static void run(void);

struct vectors {
  uint32_t *stack;
  void (*handlers[15 + INTERRUPTS])(void);
};

/* The ROM and the second stage need these two only. */
__attribute__((section(".vectors"), used)) static const struct {
  uint32_t *stack;
  void (*reset)(void);
} first_vectors = {stack_top, reset};

/* 15 of the core, then the chip's interrupts; aligned as VTOR wants them. */
__attribute__((aligned(VECTORS_ALIGNMENT))) static struct vectors vectors = {
    .stack = stack_top, .handlers = {[0] = reset, [1] = fault, [2] = fault, [14] = tick, [15 + USB_IRQ] = usb_interrupt, [15 + DMA_IRQ_0] = stream_interrupt, [15 + UART0_IRQ] = uart_interrupt}};

__attribute__((section(".start"), used)) void reset(void) {
  for (uint32_t *to = data_start, *from = data_source; to < data_end;) *to++ = *from++;
  for (uint32_t *to = bank_0_start, *from = bank_0_source; to < bank_0_end;) *to++ = *from++;
  for (uint32_t *to = bank_1_start, *from = bank_1_source; to < bank_1_end;) *to++ = *from++;
  for (uint32_t *to = bss_start; to < bss_end;) *to++ = 0;
  void (*volatile start)(void) = run; /* far from here: in RAM */
  start();
}

/* Until the watchdog bites. */
static void fault(void) {
  for (;;) {
  }
}

/* Ends a sleep, and that is all. */
static void tick(void) {
}

static uint32_t now_us(void) {
  return REGISTER(TIMER_LOW);
}

/* The timer wraps after 71 minutes: milliseconds are counted from the microseconds that passed. */
static uint32_t now_ms(void *context) {
  static uint32_t milliseconds, counted_us;
  (void)context;
  const uint32_t passed = (now_us() - counted_us) / 1000;
  milliseconds += passed;
  counted_us += 1000 * passed;
  return milliseconds;
}

static void serve(void *context) {
  uint8_t byte;
  watchdog_feed();
  while (uart_receive(&byte)) mmf_link_receive(&line, &byte, 1, now_ms(context));
  mmf_link_poll(&line, now_ms(context));
  const uint8_t *bytes;
  for (uint32_t length = mmf_link_output(&line, &bytes); length > 0; length = mmf_link_output(&line, &bytes)) {
    uint32_t sent = 0;
    while (sent < length && uart_send(bytes[sent])) sent++;
    mmf_link_took(&line, sent);
    if (sent < length) break;
  }
  if (!is_on_usb) return;
  mmf_link_poll(&usb_line, now_ms(context));
  usb_poll(now_ms(context));
}

static void start_ticking(void) {
  REGISTER(SYSTICK_RELOAD) = CLOCK_HZ / 1000 * TICK_MS - 1;
  REGISTER(SYSTICK_VALUE) = 0; /* whatever is written */
  REGISTER(SYSTICK_CONTROL) = SYSTICK_ON;
}

/* Until a byte has come, a host has done something, or the next tick. An interrupt between the look and WFE ends WFE, too. */
static void doze(void) {
  const uint8_t *bytes;
  usb_wake();
  if (uart_has_received() || mmf_link_output(&line, &bytes) > 0 || mmf_link_output(&usb_line, &bytes) > 0) return;
  wait_for_event();
}

/* Jitter of the ring oscillator, and of when the crystal was ready. */
static uint32_t random_word(void) {
  uint32_t word = now_us();
  for (int bit = 0; bit < 32; bit++) word = (word << 1 | word >> 31) ^ (REGISTER(ROSC_RANDOM_BIT) & 1);
  return word;
}

static void start_led(void) {
  connect_pin(LED, SIO_FUNCTION);
  REGISTER(SIO_OUTPUT_SET) = 1u << LED;
  REGISTER(SIO_OUT_SET) = 1u << LED;
}

static void run(void) {
  REGISTER(VTOR) = (uint32_t)(uintptr_t)&vectors;
  start_clocks();
  uart_start();
  start_led();
  const struct flash_part part = flash_start();
  start_products();
  start_ticking();
  const struct mmf_board_options options = {
      .board = CHIP,
      .serial = part.serial,
      .firmware = FIRMWARE,
      .limits = {.vocab = MMFREE_MAX_VOCAB_SIZE, .hidden = MOST_HIDDEN, .intermediate = MOST_INTERMEDIATE, .layers = MOST_LAYERS},
      .boot_nonce = random_word(),
      .can_restart = true,
      .now_ms = now_ms,
      .breathe = serve,
      .multiply = multiply_on_both,
      .memory = memory,
  };
  const uint32_t bytes = part.bytes - FIRMWARE_BYTES;
  const struct mmf_flash flash = {(const uint8_t *)IMAGES, bytes, FLASH_SECTOR_BYTES, flash_erase, flash_program, (void *)IMAGES};
  if (mmf_board_bytes(&options.limits) > sizeof memory) fault();
  mmf_link_init(&line, now_ms(0));
  watchdog_start();
  mmf_board_start(&board, &options, &flash, part.bytes >= TWO_SLOTS_BYTES ? 2 : 1);
  mmf_board_add_line(&board, &line);
  mmf_link_init(&usb_line, now_ms(0));
  mmf_board_add_line(&board, &usb_line);
  mmf_board_add_dfu(&board, &dfu);
  usb_start(&usb_line, &dfu, options.board, options.serial);
  is_on_usb = true;
  for (uint64_t steps = 0;;) {
    serve(0);
    const bool is_idle = mmf_board_work(&board) > 0;
    if (mmf_board_restarts(&board)) restart();
    if (board.steps != steps) REGISTER(SIO_OUT_TOGGLE) = 1u << LED;
    steps = board.steps;
    if (is_idle) doze();
  }
}
