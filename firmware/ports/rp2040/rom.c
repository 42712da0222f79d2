#include "rom.h"

typedef void *rom_lookup(const uint16_t *table, uint32_t code);

/* Half words at 0x14 and 0x18 of the ROM point to its table of functions, and to the one that looks there. */
static uintptr_t rom_pointer(uintptr_t at) {
  /* The compiler takes what is at 0x14 for the member of a null pointer, where it sees that. */
  volatile uintptr_t place = at;
  return *(const volatile uint16_t *)place;
}

uintptr_t rom(char a, char b) {
  rom_lookup *const lookup = (rom_lookup *)rom_pointer(0x18);
  return (uintptr_t)lookup((const uint16_t *)rom_pointer(0x14), (uint32_t)a | (uint32_t)b << 8);
}
