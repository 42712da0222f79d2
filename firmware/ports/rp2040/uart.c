#include "uart.h"

#include "clocks.h"
#include <chip.h>

#define UART_FUNCTION 2u
#define BAUD 115200u
#define IS_EMPTY (1u << 4)
#define IS_FULL (1u << 5)
#define EIGHT_BITS_FIFO (7u << 4)
#define ON (1u | 1u << 8 | 1u << 9)
#define RECEIVED (1u << 4 | 1u << 6) /* the FIFO is half full; bytes wait in it */
#define RING_BYTES 4096u

static uint8_t ring[RING_BYTES];
static volatile uint32_t written, taken;

void uart_start(void) {
  unreset(RESET_IO_BANK0 | RESET_PADS_BANK0 | RESET_UART0);
  connect_pin(0, UART_FUNCTION);
  connect_pin(1, UART_FUNCTION);
  /* Sixteenths of a bit, in 64ths: 4.2.7.1. */
  const uint32_t divider = (8 * CLOCK_HZ / BAUD + 1) / 2;
  REGISTER(UART0_DIVIDER) = divider >> 6;
  REGISTER(UART0_FRACTION) = divider & 63;
  REGISTER(UART0_LINE) = EIGHT_BITS_FIFO;
  REGISTER(UART0_CONTROL) = ON;
  REGISTER(UART0_INTERRUPTS) = RECEIVED;
  REGISTER(NVIC_ENABLE(UART0_IRQ)) = 1u << UART0_IRQ % 32;
}

/* A ring that is full loses what comes: the link repeats it. */
void uart_interrupt(void) {
  while ((REGISTER(UART0_FLAGS) & IS_EMPTY) == 0) {
    const uint8_t byte = (uint8_t)REGISTER(UART0_DATA);
    if (written - taken < RING_BYTES) {
      ring[written % RING_BYTES] = byte;
      written++;
    }
  }
}

bool uart_has_received(void) {
  return taken != written;
}

bool uart_receive(uint8_t *byte) {
  if (!uart_has_received()) return false;
  *byte = ring[taken % RING_BYTES];
  taken++;
  return true;
}

bool uart_send(uint8_t byte) {
  if ((REGISTER(UART0_FLAGS) & IS_FULL) != 0) return false;
  REGISTER(UART0_DATA) = byte;
  return true;
}
