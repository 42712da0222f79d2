/* The SSI (data sheet, 4.10), in the way in which second stages of SDKs use it. */
#include "flash-bus.h"

#include "registers.h"

/* The pin that selects it: driven low by software; by the SSI. */
#define SELECT_MASK (3u << 8)
#define SELECT_LOW (2u << 8)

/* Four wires, 32 bits a frame, what is sent goes before what is received. */
#define SSI_BUSY 1u
#define SSI_SENT 4u
#define SSI_HAS_DATA 8u
#define QUAD_FRAMES (2u << 21 | 31u << 16 | 3u << 8)
/* Four clocks of waiting, an address with mode bits of 32 bits. First with a command of 8 bits on one wire, then without. */
#define QUAD_WITH_COMMAND (4u << 11 | 2u << 8 | 8u << 2 | 1u)
#define QUAD_WITHOUT_COMMAND (CONTINUED << 24 | 4u << 11 | 8u << 2 | 2u)
#define QUICK_DIVIDER 2u

/* A read with a command, whose mode bits say that the next ones have none. */
void flash_bus_read_quickly(void) {
  REGISTER(QSPI_PAD_CLOCK) = 2u << 4 | 1u; /* 8 mA, and fast */
  for (uint32_t line = 0; line < 4; line++) CLEAR(QSPI_PAD_DATA(line)) = 1u << 1; /* no Schmitt trigger: it is slow */
  REGISTER(SSI_ENABLE) = 0;
  REGISTER(SSI_DIVIDER) = QUICK_DIVIDER;
  REGISTER(SSI_SAMPLE_DELAY) = 1;
  REGISTER(SSI_CONTROL_0) = QUAD_FRAMES;
  REGISTER(SSI_CONTROL_1) = 0;
  REGISTER(SSI_SPI_CONTROL_0) = QUAD_WITH_COMMAND;
  REGISTER(SSI_ENABLE) = 1;
  REGISTER(SSI_DATA) = FAST_READ_QUAD;
  REGISTER(SSI_DATA) = CONTINUED;
  while ((REGISTER(SSI_STATUS) & (SSI_SENT | SSI_BUSY)) != SSI_SENT) {
  }
  REGISTER(SSI_ENABLE) = 0;
  REGISTER(SSI_SPI_CONTROL_0) = QUAD_WITHOUT_COMMAND;
  REGISTER(SSI_ENABLE) = 1;
}

void flash_bus_exchange(uint8_t *bytes, uint32_t length) {
  REGISTER(QSPI_SELECT_CONTROL) = (REGISTER(QSPI_SELECT_CONTROL) & ~SELECT_MASK) | SELECT_LOW;
  for (uint32_t index = 0; index < length; index++) {
    REGISTER(SSI_DATA) = bytes[index];
    while ((REGISTER(SSI_STATUS) & SSI_HAS_DATA) == 0) {
    }
    bytes[index] = (uint8_t)REGISTER(SSI_DATA);
  }
  REGISTER(QSPI_SELECT_CONTROL) = REGISTER(QSPI_SELECT_CONTROL) & ~SELECT_MASK;
}
