#include "boot-mode.h"

#include "registers.h"
#include "rom.h"

#define TRIGGER (1u << 31)

typedef void rom_usb_boot(uint32_t led_mask, uint32_t without);

void enter_boot_mode(void) {
  ((rom_usb_boot *)rom('U', 'B'))(0, 0);
  for (;;) {
  }
}

void restart(void) {
  REGISTER(RESETS_BY_WATCHDOG) = ALL_BUT_OSCILLATORS;
  SET(WATCHDOG_CONTROL) = TRIGGER;
  for (;;) {
  }
}
