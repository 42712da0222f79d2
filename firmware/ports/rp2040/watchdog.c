#include "watchdog.h"

#include "registers.h"

#define ENABLE (1u << 30)
/* Twice the microseconds: the chip counts two at a tick (RP2040-E1). A sector that is slow to erase takes 0.4 s. */
#define FOUR_SECONDS 8000000u

void watchdog_start(void) {
  REGISTER(RESETS_BY_WATCHDOG) = ALL_BUT_OSCILLATORS;
  watchdog_feed();
  SET(WATCHDOG_CONTROL) = ENABLE;
}

void watchdog_feed(void) {
  REGISTER(WATCHDOG_LOAD) = FOUR_SECONDS;
}
