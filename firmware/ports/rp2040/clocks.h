#ifndef MMF_RP2040_CLOCKS_H
#define MMF_RP2040_CLOCKS_H

#include <stdint.h>

void start_clocks(void);

/* The second PLL: 48 MHz for USB. */
void start_usb_clock(void);

/* Lets blocks of the chip begin. */
void unreset(uint32_t blocks);

#endif
