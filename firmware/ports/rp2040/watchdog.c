#include "watchdog.h"

#include <chip.h>

#define ENABLE (1u << 30)
/* A sector that is slow to erase takes 0.4 s. */
#define FOUR_SECONDS (4000000u * WATCHDOG_COUNTS_A_US)

void watchdog_start(void) {
  REGISTER(RESETS_BY_WATCHDOG) = ALL_BUT_OSCILLATORS;
  watchdog_feed();
  SET(WATCHDOG_CONTROL) = ENABLE;
}

void watchdog_feed(void) {
  REGISTER(WATCHDOG_LOAD) = FOUR_SECONDS;
}
