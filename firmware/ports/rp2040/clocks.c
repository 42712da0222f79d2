/* A crystal of 12 MHz, the VCO of the system's PLL between 750 and 1,600 MHz (RP2040 data sheet, 2.18.2; RP2350, 8.6.3). */
#include "clocks.h"

#include <chip.h>

#define XOSC_ENABLE_1_15_MHZ 0xfabaa0u
#define XOSC_STARTUP_1_MS 47u
#define STABLE (1u << 31)
#define LOCKED (1u << 31)
#define PLL_POWER_DOWN (1u << 0)
#define PLL_DIVIDERS_DOWN (1u << 3)
#define PLL_VCO_DOWN (1u << 5)
#define CLOCK_ENABLE (1u << 11)

void unreset(uint32_t blocks) {
  CLEAR(RESETS_RESET) = blocks;
  while ((REGISTER(RESETS_DONE) & blocks) != blocks) {
  }
}

static void start_pll(uint32_t pll, uint32_t feedback, uint32_t first_divider, uint32_t second_divider) {
  REGISTER(PLL_CONTROL(pll)) = 1;
  REGISTER(PLL_FEEDBACK(pll)) = feedback;
  CLEAR(PLL_POWER(pll)) = PLL_POWER_DOWN | PLL_VCO_DOWN;
  while ((REGISTER(PLL_CONTROL(pll)) & LOCKED) == 0) {
  }
  REGISTER(PLL_DIVIDERS(pll)) = first_divider << 16 | second_divider << 12;
  CLEAR(PLL_POWER(pll)) = PLL_DIVIDERS_DOWN;
}

void start_clocks(void) {
  raise_voltage();
  REGISTER(XOSC_STARTUP) = XOSC_STARTUP_1_MS;
  REGISTER(XOSC_CONTROL) = XOSC_ENABLE_1_15_MHZ;
  while ((REGISTER(XOSC_STATUS) & STABLE) == 0) {
  }
  REGISTER(CLOCK_REF_CONTROL) = 2; /* the crystal */
  while ((REGISTER(CLOCK_REF_SELECTED) & (1u << 2)) == 0) {
  }
  unreset(RESET_PLL_SYS);
  start_pll(PLL_SYS, PLL_SYS_FEEDBACK, PLL_SYS_FIRST_DIVIDER, PLL_SYS_SECOND_DIVIDER);
  REGISTER(CLOCK_SYS_CONTROL) = 1; /* the auxiliary source, which is the PLL */
  while ((REGISTER(CLOCK_SYS_SELECTED) & (1u << 1)) == 0) {
  }
  REGISTER(CLOCK_PERI_CONTROL) = CLOCK_ENABLE; /* from clk_sys */
  start_ticks();
  unreset(RESET_TIMER);
}

/* VCO of 1,200 MHz, divided by 5 and 5. */
void start_usb_clock(void) {
  unreset(RESET_PLL_USB);
  start_pll(PLL_USB, 100, 5, 5);
  REGISTER(CLOCK_USB_CONTROL) = CLOCK_ENABLE; /* from that PLL */
}
