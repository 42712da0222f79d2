/* Where chips differ by more than addresses. */
#ifndef MMF_CHIP_H
#define MMF_CHIP_H

#include <registers.h>

#define CHIP "rp2350"
#define FIRMWARE "1"
#define CLOCK_HZ 150000000u
#define PLL_SYS_FEEDBACK 125u
#define PLL_SYS_FIRST_DIVIDER 5u
#define PLL_SYS_SECOND_DIVIDER 2u
#define WATCHDOG_COUNTS_A_US 1u

/* Its core has what 150 MHz need. */
static inline void raise_voltage(void) {
}

/* Pads are isolated after a reset. A pull-up, as the pull-downs of early steppings do not pull (RP2350-E9). */
static inline void connect_pin(uint32_t pin, uint32_t function) {
  REGISTER(PIN_CONTROL(pin)) = function;
  REGISTER(PIN_PAD(pin)) = 1u << 6 | 1u << 4 | 1u << 3 | 1u << 1; /* input, 4 mA, pull-up, Schmitt trigger */
}

/* Of the timer and the watchdog: a microsecond of the crystal. */
static inline void start_ticks(void) {
  REGISTER(TICK_TIMER_CYCLES) = 12;
  REGISTER(TICK_TIMER_CONTROL) = 1;
  REGISTER(TICK_WATCHDOG_CYCLES) = 12;
  REGISTER(TICK_WATCHDOG_CONTROL) = 1;
}

#endif
