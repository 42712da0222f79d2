/* Registers of the RP2040 that the port uses: data sheet, the sections named. */
#ifndef MMF_REGISTERS_H
#define MMF_REGISTERS_H

#ifndef __ARM_ARCH_6M__
#error "for the RP2040 only: other ports have their own"
#endif

#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))
/* Writes of bits: 2.1.2. */
#define SET(address) REGISTER((address) + 0x2000u)
#define CLEAR(address) REGISTER((address) + 0x3000u)

/* 2.14: resets. */
#define RESETS_RESET 0x4000c000u
#define RESETS_DONE 0x4000c008u
#define RESET_DMA (1u << 2)
#define RESET_IO_BANK0 (1u << 5)
#define RESET_PADS_BANK0 (1u << 8)
#define RESET_PLL_SYS (1u << 12)
#define RESET_PLL_USB (1u << 13)
#define RESET_TIMER (1u << 21)
#define RESET_UART0 (1u << 22)
#define RESET_USB (1u << 24)

/* 2.10: the regulator of the core's voltage. */
#define VREG 0x40064000u
#define VREG_SELECT_MASK (15u << 4)
#define VREG_SELECT_1_15_V (12u << 4)

/* 2.15, 2.16, 2.18: clocks, crystal, PLL. */
#define CLOCK_REF_CONTROL 0x40008030u
#define CLOCK_REF_SELECTED 0x40008038u
#define CLOCK_SYS_CONTROL 0x4000803cu
#define CLOCK_SYS_SELECTED 0x40008044u
#define CLOCK_PERI_CONTROL 0x40008048u
#define CLOCK_USB_CONTROL 0x40008054u
#define XOSC_CONTROL 0x40024000u
#define XOSC_STATUS 0x40024004u
#define XOSC_STARTUP 0x4002400cu
#define PLL_SYS 0x40028000u
#define PLL_USB 0x4002c000u
#define PLL_CONTROL(pll) (pll)
#define PLL_POWER(pll) ((pll) + 0x4u)
#define PLL_FEEDBACK(pll) ((pll) + 0x8u)
#define PLL_DIVIDERS(pll) ((pll) + 0xcu)

/* 2.19: pins; 4.2: UART0 (PL011); 4.6, 4.7: timer, and its tick; 2.3.1: single-cycle IO. */
#define PIN_CONTROL(pin) (0x40014004u + 8 * (pin))
#define UART0_DATA 0x40034000u
#define UART0_FLAGS 0x40034018u
#define UART0_DIVIDER 0x40034024u
#define UART0_FRACTION 0x40034028u
#define UART0_LINE 0x4003402cu
#define UART0_CONTROL 0x40034030u
#define UART0_INTERRUPTS 0x40034038u
#define ROSC_RANDOM_BIT 0x4006001cu
#define TIMER_LOW 0x40054028u
#define WATCHDOG_CONTROL 0x40058000u
#define WATCHDOG_LOAD 0x40058004u
#define WATCHDOG_TICK 0x4005802cu
/* 2.13: which blocks a watchdog resets, by the power-on state machine. */
#define RESETS_BY_WATCHDOG 0x40010008u
#define ALL_BUT_OSCILLATORS 0x1fffcu
#define SIO_OUT_SET 0xd0000014u
#define SIO_OUT_TOGGLE 0xd000001cu
#define SIO_OUTPUT_SET 0xd0000024u

/* 2.3.1: FIFOs between the processors; the first of 32 locks. */
#define SIO_FIFO_STATUS 0xd0000050u
#define SIO_FIFO_WRITE 0xd0000054u
#define SIO_FIFO_READ 0xd0000058u
#define SIO_LOCK 0xd0000100u

/* 2.5: DMA. The trigger is the control register, too. */
#define DMA_READ(channel) (0x50000000u + 0x40 * (channel))
#define DMA_WRITE(channel) (0x50000004u + 0x40 * (channel))
#define DMA_COUNT(channel) (0x50000008u + 0x40 * (channel))
#define DMA_TRIGGER(channel) (0x5000000cu + 0x40 * (channel))
/* Words, both addresses go on, the one that is written to wraps at 2^ring_bits, unpaced, no channel behind channel 0. */
#define DMA_COPY(ring_bits) (1u | 2u << 2 | 1u << 4 | 1u << 5 | (ring_bits) << 6 | 1u << 10 | 0u << 11 | 0x3fu << 15)
#define DMA_INTERRUPT_ENABLE_0 0x50000404u
#define DMA_INTERRUPT_STATUS_0 0x5000040cu

/* 2.19.6.2, 4.10: the pins of the flash, the one that selects it, and what drives them. */
#define QSPI_SELECT_CONTROL 0x4001800cu
#define QSPI_PAD_CLOCK 0x40020004u
#define QSPI_PAD_DATA(line) (0x40020008u + 4 * (line))
#define SSI_CONTROL_0 0x18000000u
#define SSI_CONTROL_1 0x18000004u
#define SSI_ENABLE 0x18000008u
#define SSI_DIVIDER 0x18000014u
#define SSI_STATUS 0x18000028u
#define SSI_DATA 0x18000060u
#define SSI_SAMPLE_DELAY 0x180000f0u
#define SSI_SPI_CONTROL_0 0x180000f4u

/* Of the processor. */
#define SYSTICK_CONTROL 0xe000e010u
#define SYSTICK_RELOAD 0xe000e014u
#define SYSTICK_VALUE 0xe000e018u
#define VTOR 0xe000ed08u
#define NVIC_ENABLE(interrupt) (0xe000e100u + (interrupt) / 32 * 4)
#define NVIC_DISABLE(interrupt) (0xe000e180u + (interrupt) / 32 * 4)
#define INTERRUPTS 32u
#define VECTORS_ALIGNMENT 256
#define DMA_IRQ_0 11u
#define USB_IRQ 5u
#define UART0_IRQ 20u

#endif
