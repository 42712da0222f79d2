/*
 * What the boot ROM looks for in the first 4 KiB of the flash, without which it starts nothing: a block with one item, that
 * this is a program for the RP2350's Arm processors, in the secure state (RP2350 data sheet, 5.9). Vectors are at the beginning
 * of the flash, where the ROM expects them.
 */
#include <stdint.h>

#define IMAGE_TYPE 0x42u
#define PROGRAM 1u
#define SECURE (2u << 4)
#define RP2350 (1u << 12)
#define LAST 0xffu

__attribute__((section(".image_def"), used)) static const uint32_t image_def[5] = {
    0xffffded3,
    IMAGE_TYPE | 1u << 8 | (PROGRAM | SECURE | RP2350) << 16, /* one word */
    LAST | 1u << 8,                                           /* words of all items before it */
    0,                                                        /* the next block of the loop is this one */
    0xab123579,
};
