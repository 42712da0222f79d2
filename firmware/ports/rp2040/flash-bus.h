/* What is between the chip and its flash. The boot ROM has ended XIP before these functions are called. */
#ifndef MMF_FLASH_BUS_H
#define MMF_FLASH_BUS_H

#include <stdint.h>

#define FAST_READ_QUAD 0xebu
#define CONTINUED 0xa0u /* mode bits of a quad read: the next one has no command */

/* Bytes go out and come in at once, on one wire each, the first of them the command. */
void flash_bus_exchange(uint8_t *bytes, uint32_t length);

/* From now on the window is read on four wires. The ROM's function FC was called before. */
void flash_bus_read_quickly(void);

#endif
