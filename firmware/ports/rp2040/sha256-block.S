/*
 * A block of SHA-256 (FIPS 180-4, 6.2.2) for the Cortex-M0+: 66 cycles a byte, where C takes 136.
 *
 * a … h are in r4 to r11, and change their roles instead of their places; W is on the stack, r12 runs over K.
 *
 *   void mmf_sha256_block(uint32_t hash[8], const uint8_t block[64])
 */
  .syntax unified
  .cpu cortex-m0plus
  .thumb

  .macro ROTATE_SUM x, first, second, third
  mov r0, \x
  mov r2, \x
  movs r1, #\first
  rors r0, r1
  eors r0, r2
  movs r1, #\second
  rors r0, r1
  eors r0, r2
  movs r1, #\third
  rors r0, r1
  .endm

  /* W[t] from those before it, in r0 and in its place. */
  .macro SCHEDULE t
  ldr r2, [sp, #4 * (((\t) + 1) & 15)]
  movs r0, r2
  movs r1, #11
  rors r0, r1
  eors r0, r2
  movs r1, #7
  rors r0, r1
  lsrs r2, r2, #3
  eors r0, r2
  ldr r2, [sp, #4 * (((\t) + 14) & 15)]
  movs r3, r2
  movs r1, #2
  rors r3, r1
  eors r3, r2
  movs r1, #17
  rors r3, r1
  lsrs r2, r2, #10
  eors r3, r2
  adds r0, r0, r3
  ldr r1, [sp, #4 * (((\t) + 9) & 15)]
  adds r0, r0, r1
  ldr r1, [sp, #4 * (\t)]
  adds r0, r0, r1
  str r0, [sp, #4 * (\t)]
  .endm

  .macro ROUND t, a, b, c, d, e, f, g, h
  ldr r0, [sp, #4 * (\t)]
  add \h, r0
  mov r3, r12
  ldr r1, [r3, #4 * (\t)]
  add \h, r1
  ROTATE_SUM \e, 14, 5, 6
  add \h, r0
  mov r1, \f
  mov r3, \g
  eors r1, r3
  ands r1, r2
  eors r1, r3
  add \h, r1
  add \d, \h
  ROTATE_SUM \a, 9, 11, 2
  add \h, r0
  mov r1, \b
  mov r3, \c
  eors r3, r1
  eors r2, r1
  ands r3, r2
  eors r3, r1
  add \h, r3
  .endm

  .macro EIGHT_ROUNDS t
  ROUND (\t+0), r4, r5, r6, r7, r8, r9, r10, r11
  ROUND (\t+1), r11, r4, r5, r6, r7, r8, r9, r10
  ROUND (\t+2), r10, r11, r4, r5, r6, r7, r8, r9
  ROUND (\t+3), r9, r10, r11, r4, r5, r6, r7, r8
  ROUND (\t+4), r8, r9, r10, r11, r4, r5, r6, r7
  ROUND (\t+5), r7, r8, r9, r10, r11, r4, r5, r6
  ROUND (\t+6), r6, r7, r8, r9, r10, r11, r4, r5
  ROUND (\t+7), r5, r6, r7, r8, r9, r10, r11, r4
  .endm

  .text
  .balign 4
  .global mmf_sha256_block
  .type mmf_sha256_block, %function
  .thumb_func
mmf_sha256_block:
  push {r0, r4, r5, r6, r7, lr}
  mov r4, r8
  mov r5, r9
  mov r6, r10
  mov r7, r11
  push {r4, r5, r6, r7}
  sub sp, #64

  /* Big-endian words; a block may be at any address. */
  movs r2, #0
1:
  ldrb r3, [r1]
  ldrb r4, [r1, #1]
  ldrb r5, [r1, #2]
  ldrb r6, [r1, #3]
  lsls r3, r3, #24
  lsls r4, r4, #16
  lsls r5, r5, #8
  orrs r3, r4
  orrs r3, r5
  orrs r3, r6
  mov r7, sp
  str r3, [r7, r2]
  adds r1, #4
  adds r2, #4
  cmp r2, #64
  bne 1b

  adds r0, #16
  ldmia r0!, {r4, r5, r6, r7}
  mov r8, r4
  mov r9, r5
  mov r10, r6
  mov r11, r7
  subs r0, #32
  ldmia r0!, {r4, r5, r6, r7}
  ldr r0, 6f
  mov r12, r0
  b 2f
  .balign 4
6: .word sha256_constants

2:
  EIGHT_ROUNDS 0
  EIGHT_ROUNDS 8
  movs r0, #64
  add r12, r0
  ldr r1, 7f
  cmp r12, r1
  bne 3f
  b 5f
  .balign 4
7: .word sha256_constants + 256
3:
  .irp t, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
  SCHEDULE \t
  .endr
  bl 2b /* for its range: who called is on the stack */

5:
  add sp, #64
  /* The sums, upper half first. */
  ldr r0, [sp, #16]
  adds r0, #16
  ldmia r0!, {r1, r2, r3}
  add r8, r1
  add r9, r2
  add r10, r3
  ldr r1, [r0]
  add r11, r1
  subs r0, #28
  ldmia r0!, {r1, r2, r3}
  adds r4, r4, r1
  adds r5, r5, r2
  adds r6, r6, r3
  ldr r1, [r0]
  adds r7, r7, r1
  subs r0, #12
  stmia r0!, {r4, r5, r6, r7}
  mov r4, r8
  mov r5, r9
  mov r6, r10
  mov r7, r11
  stmia r0!, {r4, r5, r6, r7}
  pop {r4, r5, r6, r7}
  mov r8, r4
  mov r9, r5
  mov r10, r6
  mov r11, r7
  pop {r0, r4, r5, r6, r7, pc}

  .balign 4
sha256_constants:
  .word 0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5
  .word 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174
  .word 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da
  .word 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967
  .word 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85
  .word 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070
  .word 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3
  .word 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
