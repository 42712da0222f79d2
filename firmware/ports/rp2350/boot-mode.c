/* The boot ROM's function `reboot` (RP2350 data sheet, 5.4.8.24), by means of the watchdog. */
#include "boot-mode.h"

#include "rom.h"

#define TO_FLASH 0u
#define TO_BOOT_MODE 2u
#define DOES_NOT_RETURN (1u << 8)
#define DELAY_MS 1u

typedef int rom_reboot(uint32_t flags, uint32_t delay_ms, uint32_t parameter_0, uint32_t parameter_1);

static void reboot(uint32_t kind) {
  ((rom_reboot *)rom('R', 'B'))(kind | DOES_NOT_RETURN, DELAY_MS, 0, 0);
  for (;;) {
  }
}

void enter_boot_mode(void) {
  reboot(TO_BOOT_MODE);
}

void restart(void) {
  reboot(TO_FLASH);
}
