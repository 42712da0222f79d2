/*
 * All code runs from RAM, vectors too, so that interrupts may go on while the flash cannot be read; neither the second
 * processor nor DMA reads it then.
 *
 * The second stage of an RP2040, or the boot ROM of an RP2350, leaves it readable, but slowly (03h, as every part knows it).
 * Where the part can, it is then read by EBh on four wires, without a command: 28 clocks for eight bytes instead of 96, and a
 * faster clock.
 */
#include "flash.h"

#include "bytes.h"
#include "flash-bus.h"
#include "rom.h"
#include "stream.h"

#define PAGE_BYTES 256u
#define ERASE_4K 0x20u

/* Commands of the part. */
#define WRITE_STATUS 0x01u
#define READ_STATUS_1 0x05u
#define WRITE_ENABLE 0x06u
#define READ_STATUS_2 0x35u
#define READ_UNIQUE_ID 0x4bu
#define READ_IDENTITY 0x9fu
#define IS_BUSY 1u
#define QUAD_ENABLE 2u /* of status register 2, as Winbond has it */
#define WINBOND 0xefu
#define GIGADEVICE 0xc8u
#define UNIQUE_ID_BYTES 8u
#define SMALLEST 21u /* 2^21 bytes */
#define LARGEST 24u

#define COMPARED_WORDS 64u

typedef void rom_function(void);
typedef void rom_erase(uint32_t offset, uint32_t count, uint32_t block_bytes, uint32_t command);
typedef void rom_program(uint32_t offset, const uint8_t *data, uint32_t count);

static bool is_quick;

static void begin(void) {
  stream_stop();
  ((rom_function *)rom('I', 'F'))();
  ((rom_function *)rom('E', 'X'))();
}

static void end(void) {
  ((rom_function *)rom('F', 'C'))();
  if (is_quick) flash_bus_read_quickly();
  else ((rom_function *)rom('C', 'X'))();
}

static uint8_t status(uint8_t command) {
  uint8_t bytes[2] = {command, 0};
  flash_bus_exchange(bytes, sizeof bytes);
  return bytes[1];
}

/* Whether the part has, or now gets, its data lines 2 and 3. Others than these makers have the bit elsewhere. */
static bool can_quad(uint8_t maker) {
  if (maker != WINBOND && maker != GIGADEVICE) return false;
  const uint8_t before = status(READ_STATUS_2);
  if ((before & QUAD_ENABLE) != 0) return true;
  uint8_t enable[1] = {WRITE_ENABLE}, write[3] = {WRITE_STATUS, status(READ_STATUS_1), before | QUAD_ENABLE};
  flash_bus_exchange(enable, sizeof enable);
  flash_bus_exchange(write, sizeof write);
  while ((status(READ_STATUS_1) & IS_BUSY) != 0) {
  }
  return (status(READ_STATUS_2) & QUAD_ENABLE) != 0;
}

struct flash_part flash_start(void) {
  static const char digits[] = "0123456789ABCDEF";
  struct flash_part part = {.bytes = 1u << SMALLEST};
  uint32_t first[COMPARED_WORDS];
  memcpy(first, (const void *)FLASH_WINDOW, sizeof first);
  uint8_t identity[4] = {READ_IDENTITY}, unique[5 + UNIQUE_ID_BYTES] = {READ_UNIQUE_ID};
  begin();
  flash_bus_exchange(identity, sizeof identity);
  flash_bus_exchange(unique, sizeof unique);
  is_quick = can_quad(identity[1]);
  end();
  if (identity[3] > SMALLEST && identity[3] <= LARGEST) part.bytes = 1u << identity[3];
  for (uint32_t index = 0; index < 2 * UNIQUE_ID_BYTES; index++) {
    const uint8_t byte = unique[5 + index / 2];
    part.serial[index] = digits[index % 2 == 0 ? byte >> 4 : byte & 15];
  }
  /* What cannot be read quickly after all is read slowly. */
  if (is_quick && !mmf_equal(first, (const void *)FLASH_WINDOW, sizeof first)) {
    is_quick = false;
    begin();
    end();
  }
  part.is_quick = is_quick;
  return part;
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
  ((rom_erase *)rom('R', 'E'))((uint32_t)(uintptr_t)place - FLASH_WINDOW, FLASH_SECTOR_BYTES, FLASH_SECTOR_BYTES, ERASE_4K);
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
  ((rom_program *)rom('R', 'P'))(address - within, page, PAGE_BYTES);
  end();
  return holds(place, bytes, length);
}
