/* Where chips differ by more than addresses. */
#ifndef MMF_CHIP_H
#define MMF_CHIP_H

#ifndef __ARM_ARCH_6M__
#error "for the RP2040 only: other ports have their own"
#endif

#include <registers.h>

#define CHIP "rp2040"
/* MHz. 200 is what the maker allows where the core has 1.15 V; an option of the build. */
#ifndef MMF_MHZ
#define MMF_MHZ 125
#endif
#if MMF_MHZ == 125
#define FIRMWARE "1"
#define PLL_SYS_FEEDBACK 125u
#define PLL_SYS_SECOND_DIVIDER 2u
#elif MMF_MHZ == 200
#define FIRMWARE "1 at 200 MHz"
#define PLL_SYS_FEEDBACK 100u
#define PLL_SYS_SECOND_DIVIDER 1u
#else
#error "a clock that nobody thought of"
#endif
#define CLOCK_HZ (MMF_MHZ * 1000000u)
#define PLL_SYS_FIRST_DIVIDER 6u
/* Two at a tick: RP2040-E1. */
#define WATCHDOG_COUNTS_A_US 2u

/* Of the regulator (2.10), before the clock is fast: 1.10 V is for 133 MHz at most. Runs on the ring oscillator. */
static inline void raise_voltage(void) {
#if MMF_MHZ > 133
  REGISTER(VREG) = (REGISTER(VREG) & ~VREG_SELECT_MASK) | VREG_SELECT_1_15_V;
  for (volatile uint32_t left = 2000; left > 0; left--) { /* a millisecond: the oscillator has 12 MHz at most */
  }
#endif
}

static inline void connect_pin(uint32_t pin, uint32_t function) {
  REGISTER(PIN_CONTROL(pin)) = function;
}

/* Of the timer and the watchdog: a microsecond of the crystal. */
static inline void start_ticks(void) {
  REGISTER(WATCHDOG_TICK) = 1u << 9 | 12u;
}

#endif
