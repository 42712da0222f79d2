/* UART0 at GPIO 0 (sends) and 1 (receives), 115,200 baud, 8N1. */
#ifndef MMF_RP2040_UART_H
#define MMF_RP2040_UART_H

#include <stdbool.h>
#include <stdint.h>

void uart_start(void);

/* In the interrupt: bytes go into a ring. */
void uart_interrupt(void);

/* Whether a byte has come. */
bool uart_has_received(void);

/* The next byte that came. */
bool uart_receive(uint8_t *byte);

/* False: there is no room now. */
bool uart_send(uint8_t byte);

#endif
