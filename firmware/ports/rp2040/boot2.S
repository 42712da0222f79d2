/*
 * The second stage: the boot ROM loads these 252 bytes and their CRC-32 into RAM and calls them (RP2040 data sheet,
 * 2.8.1.3). Flash becomes readable with the command that every part has, 03h, which is for 50 MHz at most: the slow way.
 */
#if defined MMF_MHZ && MMF_MHZ > 133
#define DIVIDER 6
#else
#define DIVIDER 4
#endif
  .syntax unified
  .cpu cortex-m0plus
  .thumb
  .section .boot2, "ax"
  .global boot2
  .type boot2, %function
boot2:
  ldr r3, =0x18000000 /* XIP_SSI */
  movs r1, #0
  str r1, [r3, #0x08] /* SSIENR: off, to be set up */
  movs r1, #DIVIDER
  str r1, [r3, #0x14] /* BAUDR */
  ldr r1, =0x001f0300 /* CTRLR0: 32 bits a frame, EEPROM read */
  str r1, [r3, #0x00]
  movs r1, #0
  str r1, [r3, #0x04] /* CTRLR1: one frame */
  ldr r1, =0x03000218 /* SPI_CTRLR0: command 03h of 8 bits, 24 bits of address, all on one line */
  ldr r2, =0x180000f4
  str r1, [r2]
  movs r1, #1
  str r1, [r3, #0x08]
  /* Vectors behind this stage: stack, then reset. */
  ldr r0, =0x10000100
  ldr r1, =0xe000ed08 /* VTOR */
  str r0, [r1]
  ldr r1, [r0]
  mov sp, r1
  ldr r1, [r0, #4]
  bx r1
  .ltorg
