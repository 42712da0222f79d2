/* The QMI (RP2350 data sheet, 12.14), which the boot ROM leaves with a slow clock and a command before each read. */
#include "flash-bus.h"

#include <registers.h>

/* The direct control: on; its half-duplex FIFOs; the pin that selects the flash is low. */
#define DIRECT_ON (1u << 0)
#define DIRECT_BUSY (1u << 1)
#define DIRECT_SELECT (1u << 2)
#define DIRECT_IS_EMPTY (1u << 16)

/* 75 MHz; what comes is sampled two half clocks of the system later; a read that goes on may wait for 64 clocks. */
#define QUICK_DIVIDER 2u
#define QUICK_TIMING (1u << 30 | 2u << 8 | QUICK_DIVIDER)
/* Address, mode bits, 4 clocks of waiting (of 4 bits each), data: all on four wires; a command of 8 bits on one before it. */
#define QUAD_WITHOUT_COMMAND (2u << 2 | 2u << 4 | 2u << 6 | 2u << 8 | 2u << 14 | 4u << 16)
#define QUAD_WITH_COMMAND (QUAD_WITHOUT_COMMAND | 1u << 12)

void flash_bus_exchange(uint8_t *bytes, uint32_t length) {
  SET(QMI_DIRECT_CONTROL) = DIRECT_ON | DIRECT_SELECT;
  for (uint32_t index = 0; index < length; index++) {
    REGISTER(QMI_DIRECT_SEND) = bytes[index];
    while ((REGISTER(QMI_DIRECT_CONTROL) & DIRECT_IS_EMPTY) != 0) {
    }
    bytes[index] = (uint8_t)REGISTER(QMI_DIRECT_RECEIVE);
  }
  while ((REGISTER(QMI_DIRECT_CONTROL) & DIRECT_BUSY) != 0) {
  }
  CLEAR(QMI_DIRECT_CONTROL) = DIRECT_ON | DIRECT_SELECT;
}

/* A read with a command, whose mode bits say that the next ones have none. */
void flash_bus_read_quickly(void) {
  REGISTER(QSPI_PAD_CLOCK) = 2u << 4 | 1u; /* 8 mA, and fast */
  for (uint32_t line = 0; line < 4; line++) CLEAR(QSPI_PAD_DATA(line)) = 1u << 1; /* no Schmitt trigger: it is slow */
  REGISTER(QMI_TIMING) = QUICK_TIMING;
  REGISTER(QMI_READ_COMMAND) = CONTINUED << 8 | FAST_READ_QUAD;
  REGISTER(QMI_READ_FORMAT) = QUAD_WITH_COMMAND;
  (void)REGISTER(UNCACHED_WINDOW);
  REGISTER(QMI_READ_FORMAT) = QUAD_WITHOUT_COMMAND;
}
