/* Functions of the boot ROM (data sheet, 2.8.3). */
#ifndef MMF_RP2040_ROM_H
#define MMF_RP2040_ROM_H

#include <stdint.h>

/* The address of the function that the data sheet calls by these two characters. */
uintptr_t rom(char a, char b);

#endif
