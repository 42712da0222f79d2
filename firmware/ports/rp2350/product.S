/*
 * The product of a group of five rows and of a vector for a Cortex-M33: firmware/ports/rp2040/product.S, of which the table,
 * the sums and the functions' names and arguments are. A column takes two multiplications that add.
 *
 * bytes, q: at multiples of 4.
 */
  .syntax unified
  .cpu cortex-m33
  .thumb

#define BIAS 0x80200400 /* 2^31 + 2^21 + 2^10 */

  /* byte: which one of the word in r2. q: its register. */
  .macro COLUMN byte, q
  ubfx r3, r2, #8 * \byte, #8
  add r3, r12, r3, lsl #3
  ldrd r3, r4, [r3]
  mla r7, \q, r3, r7
  mla r8, \q, r4, r8
  .endm

  .macro FOUR_COLUMNS
  ldr r2, [r0], #4
  mov r7, lr
  ldrd r5, r6, [r1], #8
  COLUMN 0, r5
  COLUMN 1, r6
  ldrd r5, r6, [r1], #8
  COLUMN 2, r5
  COLUMN 3, r6
  add r9, r7
  add r10, r10, r7, lsr #11
  add r11, r11, r7, lsr #22
  .endm

  .macro PRODUCT name, table, section
  .section \section, "ax"
  .balign 4
  .global \name
  .type \name, %function
  .thumb_func
\name:
  push {r3, r4, r5, r6, r7, r8, r9, r10, r11, lr}
  adds r5, r0, r2
  bic r4, r2, #15
  adds r4, r4, r0
  push {r4, r5} /* where the last whole 16 columns end; where all end */
  ldm r3, {r8, r9, r10, r11}
  ldr r12, 8f
  ldr lr, 7f
1:
  ldr r3, [sp]
  cmp r0, r3
  beq 5f
  FOUR_COLUMNS
  FOUR_COLUMNS
  FOUR_COLUMNS
  FOUR_COLUMNS
  b 1b
5:
  ldr r3, [sp, #4]
  cmp r0, r3
  beq 6f
  FOUR_COLUMNS
  b 5b
  .balign 4
7: .word BIAS
8: .word \table
6:
  add sp, #8
  pop {r3}
  stm r3, {r8, r9, r10, r11}
  pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}
  .endm

  PRODUCT product_0, product_table_0, .bank_0
  PRODUCT product_1, product_table_1, .bank_1
