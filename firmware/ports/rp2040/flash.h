/* The QSPI flash behind the chip's XIP window, changed by the functions of the boot ROM (data sheet, 2.8.3.1.3). */
#ifndef MMF_RP2040_FLASH_H
#define MMF_RP2040_FLASH_H

#include <stdbool.h>
#include <stdint.h>

#define FLASH_WINDOW 0x10000000u
#define FLASH_SECTOR_BYTES 4096u

struct flash_part {
  uint32_t bytes;
  char serial[17]; /* its unique number, in hexadecimal digits */
  bool is_quick;
};

/* Asks the part who it is, and makes reading quick where the part can. */
struct flash_part flash_start(void);

/* For struct mmf_flash, whose first byte is that of `context`. */
bool flash_erase(void *context, uint32_t offset);
bool flash_program(void *context, uint32_t offset, const uint8_t *bytes, uint32_t length);

#endif
