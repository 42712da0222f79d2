/* Where chips differ by more than addresses. */
#ifndef MMF_CHIP_H
#define MMF_CHIP_H

#ifndef __ARM_ARCH_6M__
#error "for the RP2040 only: other ports have their own"
#endif

#include <registers.h>

#define CHIP "rp2040"
#define CLOCK_HZ 125000000u
#define PLL_SYS_FIRST_DIVIDER 6u
/* Two at a tick: RP2040-E1. */
#define WATCHDOG_COUNTS_A_US 2u

static inline void connect_pin(uint32_t pin, uint32_t function) {
  REGISTER(PIN_CONTROL(pin)) = function;
}

/* Of the timer and the watchdog: a microsecond of the crystal. */
static inline void start_ticks(void) {
  REGISTER(WATCHDOG_TICK) = 1u << 9 | 12u;
}

#endif
