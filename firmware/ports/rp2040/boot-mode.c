#include "boot-mode.h"

#include "registers.h"

#define USB_BOOT ((uint32_t)'U' | (uint32_t)'B' << 8)
#define ALL_BUT_OSCILLATORS 0x0001fffcu
#define TRIGGER (1u << 31)

typedef void *rom_lookup(const uint16_t *table, uint32_t code);
typedef void rom_usb_boot(uint32_t led_mask, uint32_t without);

/* Half words at 0x14 and 0x18 of the ROM point to its table of functions, and to the one that looks there. */
static uintptr_t rom_pointer(uintptr_t at) {
  volatile uintptr_t place = at;
  return *(const volatile uint16_t *)place;
}

void enter_boot_mode(void) {
  rom_lookup *const lookup = (rom_lookup *)rom_pointer(0x18);
  ((rom_usb_boot *)(uintptr_t)lookup((const uint16_t *)rom_pointer(0x14), USB_BOOT))(0, 0);
  for (;;) {
  }
}

void restart(void) {
  REGISTER(RESETS_BY_WATCHDOG) = ALL_BUT_OSCILLATORS;
  SET(WATCHDOG_CONTROL) = TRIGGER;
  for (;;) {
  }
}
