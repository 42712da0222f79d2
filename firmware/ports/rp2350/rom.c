#include "rom.h"

#define FOR_SECURE_CODE 4u

typedef void *rom_lookup(uint32_t code, uint32_t mask);

/* A half word at 0x16 of the ROM points to the function that looks others up (RP2350 data sheet, 5.4.1). */
uintptr_t rom(char a, char b) {
  volatile uintptr_t place = 0x16;
  rom_lookup *const lookup = (rom_lookup *)(uintptr_t) * (const volatile uint16_t *)place;
  return (uintptr_t)lookup((uint32_t)a | (uint32_t)b << 8, FOR_SECURE_CODE);
}
