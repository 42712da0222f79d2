/*
 * All code runs from RAM, vectors too, so that interrupts may go on while the flash cannot be read. Afterwards it is
 * readable by command 03h, as the second stage leaves it.
 */
#include "flash.h"

#include "bytes.h"

#define PAGE_BYTES 256u
#define ERASE_4K 0x20u
#define CODE(a, b) ((uint32_t)(a) | (uint32_t)(b) << 8)

typedef void rom_function(void);
typedef void rom_erase(uint32_t offset, uint32_t count, uint32_t block_bytes, uint32_t command);
typedef void rom_program(uint32_t offset, const uint8_t *data, uint32_t count);
typedef void *rom_lookup(const uint16_t *table, uint32_t code);

/* Half words at 0x14 and 0x18 of the ROM point to its table of functions, and to the one that looks there. */
static uintptr_t rom_pointer(uintptr_t at) {
  /* The compiler takes what is at 0x14 for the member of a null pointer, where it sees that. */
  volatile uintptr_t place = at;
  return *(const volatile uint16_t *)place;
}

static uintptr_t rom(uint32_t code) {
  rom_lookup *const lookup = (rom_lookup *)rom_pointer(0x18);
  return (uintptr_t)lookup((const uint16_t *)rom_pointer(0x14), code);
}

static void begin(void) {
  ((rom_function *)rom(CODE('I', 'F')))();
  ((rom_function *)rom(CODE('E', 'X')))();
}

static void end(void) {
  ((rom_function *)rom(CODE('F', 'C')))();
  ((rom_function *)rom(CODE('C', 'X')))();
}

static bool holds(const uint8_t *place, const uint8_t *bytes, uint32_t length) {
  for (uint32_t index = 0; index < length; index++) {
    if (place[index] != (bytes != 0 ? bytes[index] : 0xff)) return false;
  }
  return true;
}

bool flash_erase(void *context, uint32_t offset) {
  const uint8_t *place = (const uint8_t *)context + offset;
  begin();
  ((rom_erase *)rom(CODE('R', 'E')))((uint32_t)(uintptr_t)place - FLASH_WINDOW, FLASH_SECTOR_BYTES, FLASH_SECTOR_BYTES, ERASE_4K);
  end();
  return holds(place, 0, FLASH_SECTOR_BYTES);
}

/* The ROM programs whole pages: ones around what is new leave what is there. */
bool flash_program(void *context, uint32_t offset, const uint8_t *bytes, uint32_t length) {
  const uint8_t *place = (const uint8_t *)context + offset;
  const uint32_t address = (uint32_t)(uintptr_t)place - FLASH_WINDOW, within = address % PAGE_BYTES;
  uint8_t page[PAGE_BYTES];
  memset(page, 0xff, sizeof page);
  memcpy(page + within, bytes, length);
  begin();
  ((rom_program *)rom(CODE('R', 'P')))(address - within, page, PAGE_BYTES);
  end();
  return holds(place, bytes, length);
}
