/* Registers of the RP2350 that the port uses: data sheet, the sections named. Those of the RP2040 have the same names. */
#ifndef MMF_REGISTERS_H
#define MMF_REGISTERS_H

#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))
/* Writes of bits: 2.1.3. */
#define SET(address) REGISTER((address) + 0x2000u)
#define CLEAR(address) REGISTER((address) + 0x3000u)

/* 7.5: resets. */
#define RESETS_RESET 0x40020000u
#define RESETS_DONE 0x40020008u
#define RESET_DMA (1u << 2)
#define RESET_IO_BANK0 (1u << 6)
#define RESET_PADS_BANK0 (1u << 9)
#define RESET_PLL_SYS (1u << 14)
#define RESET_PLL_USB (1u << 15)
#define RESET_TIMER (1u << 23)
#define RESET_UART0 (1u << 26)
#define RESET_USB (1u << 28)

/* 8.1, 8.2, 8.5, 8.6: clocks, crystal, ticks, PLL. */
#define CLOCK_REF_CONTROL 0x40010030u
#define CLOCK_REF_SELECTED 0x40010038u
#define CLOCK_SYS_CONTROL 0x4001003cu
#define CLOCK_SYS_SELECTED 0x40010044u
#define CLOCK_PERI_CONTROL 0x40010048u
#define CLOCK_USB_CONTROL 0x40010060u
#define XOSC_CONTROL 0x40048000u
#define XOSC_STATUS 0x40048004u
#define XOSC_STARTUP 0x4004800cu
#define TICK_TIMER_CONTROL 0x40108018u
#define TICK_TIMER_CYCLES 0x4010801cu
#define TICK_WATCHDOG_CONTROL 0x40108030u
#define TICK_WATCHDOG_CYCLES 0x40108034u
#define PLL_SYS 0x40050000u
#define PLL_USB 0x40058000u
#define PLL_CONTROL(pll) (pll)
#define PLL_POWER(pll) ((pll) + 0x4u)
#define PLL_FEEDBACK(pll) ((pll) + 0x8u)
#define PLL_DIVIDERS(pll) ((pll) + 0xcu)

/* 9.11: pins, and their pads; 12.1: UART0 (PL011); 12.8, 12.9: timer, watchdog; 3.1: single-cycle IO. */
#define PIN_CONTROL(pin) (0x40028004u + 8 * (pin))
#define PIN_PAD(pin) (0x40038004u + 4 * (pin))
#define UART0_DATA 0x40070000u
#define UART0_FLAGS 0x40070018u
#define UART0_DIVIDER 0x40070024u
#define UART0_FRACTION 0x40070028u
#define UART0_LINE 0x4007002cu
#define UART0_CONTROL 0x40070030u
#define UART0_INTERRUPTS 0x40070038u
#define ROSC_RANDOM_BIT 0x400e8020u
#define TIMER_LOW 0x400b0028u
#define WATCHDOG_CONTROL 0x400d8000u
#define WATCHDOG_LOAD 0x400d8004u
/* 7.4: which blocks a watchdog resets, by the power-on state machine. */
#define RESETS_BY_WATCHDOG 0x40018008u
#define ALL_BUT_OSCILLATORS 0x01fffff3u
#define SIO_OUT_SET 0xd0000018u
#define SIO_OUT_TOGGLE 0xd0000028u
#define SIO_OUTPUT_SET 0xd0000038u

/* 3.1: FIFOs between the processors; the first of 32 locks. */
#define SIO_FIFO_STATUS 0xd0000050u
#define SIO_FIFO_WRITE 0xd0000054u
#define SIO_FIFO_READ 0xd0000058u
/* Writes to registers of SIO from 0x180 on can open a lock (RP2350-E2): there are none. */
#define SIO_LOCK 0xd0000100u

/* 12.6: DMA. The trigger is the control register, too. */
#define DMA_READ(channel) (0x50000000u + 0x40 * (channel))
#define DMA_WRITE(channel) (0x50000004u + 0x40 * (channel))
#define DMA_COUNT(channel) (0x50000008u + 0x40 * (channel))
#define DMA_TRIGGER(channel) (0x5000000cu + 0x40 * (channel))
/* Words, both addresses go on, the one that is written to wraps at 2^ring_bits, unpaced, no channel behind channel 0. */
#define DMA_COPY(ring_bits) (1u | 2u << 2 | 1u << 4 | 1u << 6 | (ring_bits) << 8 | 1u << 12 | 0u << 13 | 0x3fu << 17)
#define DMA_INTERRUPT_ENABLE_0 0x50000404u
#define DMA_INTERRUPT_STATUS_0 0x5000040cu

/* 9.11.4, 12.14: the pins of the flash, and what drives them. */
#define QSPI_PAD_CLOCK 0x40040004u
#define QSPI_PAD_DATA(line) (0x40040008u + 4 * (line))
#define QMI_DIRECT_CONTROL 0x400d0000u
#define QMI_DIRECT_SEND 0x400d0004u
#define QMI_DIRECT_RECEIVE 0x400d0008u
#define QMI_TIMING 0x400d000cu
#define QMI_READ_FORMAT 0x400d0010u
#define QMI_READ_COMMAND 0x400d0014u
/* The flash, past the cache. */
#define UNCACHED_WINDOW 0x14000000u

/* Of the processor. */
#define SYSTICK_CONTROL 0xe000e010u
#define SYSTICK_RELOAD 0xe000e014u
#define SYSTICK_VALUE 0xe000e018u
#define VTOR 0xe000ed08u
#define NVIC_ENABLE(interrupt) (0xe000e100u + (interrupt) / 32 * 4)
#define NVIC_DISABLE(interrupt) (0xe000e180u + (interrupt) / 32 * 4)
#define INTERRUPTS 52u
#define VECTORS_ALIGNMENT 512
#define DMA_IRQ_0 10u
#define USB_IRQ 14u
#define UART0_IRQ 33u

#endif
