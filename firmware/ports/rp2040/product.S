/*
 * The product of a group of five rows and of a vector, where 95 of 100 cycles of a token are spent: 14 cycles a byte, which are
 * five weights of one column.
 *
 * An entry of the table has two words: t0 + t1·2^11 + t2·2^22 and t3 + t4·2^16. Two multiplications make them q times as
 * large. The halves of the second word hold 256 columns. The fields of the first hold four columns (4 · 127 < 2^9): with a
 * bias that makes them positive they are then added to three sums, of the word, of what is above its first field, of what is
 * above its second one. products.c takes them apart.
 *
 *   void product_0(const uint8_t *bytes, const int32_t *q, uint32_t columns, struct partial *sums)
 *
 * bytes: at a multiple of 4. columns: a multiple of 4, above 0, at most 256. Two copies, each with its table in the bank of
 * memory of its processor, so that neither waits for the other.
 */
  .syntax unified
  .cpu cortex-m0plus
  .thumb

#define BIAS 0x80200400 /* 2^31 + 2^21 + 2^10 */

  /* shift: brings eight times the byte of the column to bits 3 to 10. */
  .macro COLUMN shift, amount
  \shift r3, r2, #\amount
  ands r3, r7
  add r3, r12
  ldmia r3, {r3, r4}
  ldmia r1!, {r5}
  muls r3, r5, r3
  muls r4, r5, r4
  adds r6, r6, r3
  add r8, r4
  .endm

  .macro FOUR_COLUMNS
  ldmia r0!, {r2}
  mov r6, lr
  COLUMN lsls, 3
  COLUMN lsrs, 5
  COLUMN lsrs, 13
  COLUMN lsrs, 21
  add r9, r6
  lsrs r3, r6, #11
  add r10, r3
  lsrs r3, r6, #22
  add r11, r3
  .endm

  .macro PRODUCT name, table, section
  .section \section, "ax"
  .balign 4
  .global \name
  .type \name, %function
  .thumb_func
\name:
  push {r3, r4, r5, r6, r7, lr}
  mov r4, r8
  mov r5, r9
  mov r6, r10
  mov r7, r11
  push {r4, r5, r6, r7}
  adds r5, r0, r2
  lsrs r4, r2, #4
  lsls r4, r4, #4
  adds r4, r4, r0
  push {r4, r5} /* where the last whole 16 columns end; where all end */
  ldmia r3!, {r4, r5, r6, r7}
  mov r8, r4
  mov r9, r5
  mov r10, r6
  mov r11, r7
  ldr r7, 8f
  mov r12, r7
  ldr r7, 7f
  mov lr, r7
  ldr r7, 9f
1:
  ldr r3, [sp]
  cmp r0, r3
  bne 2f
  b 5f /* too far for a branch with a condition */
2:
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
9: .word 0x7f8
6:
  add sp, #8
  mov r0, r8
  mov r1, r9
  mov r2, r10
  mov r3, r11
  pop {r4, r5, r6, r7}
  mov r8, r4
  mov r9, r5
  mov r10, r6
  mov r11, r7
  pop {r4}
  stmia r4!, {r0, r1, r2, r3}
  pop {r4, r5, r6, r7, pc}
  .endm

  PRODUCT product_0, product_table_0, .bank_0
  PRODUCT product_1, product_table_1, .bank_1
