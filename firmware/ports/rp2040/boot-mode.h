/* Ways out of the firmware. */
#ifndef MMF_RP2040_BOOT_MODE_H
#define MMF_RP2040_BOOT_MODE_H

/* The board becomes a drive, as with its button held (data sheet, 2.8.3.1.5). */
void enter_boot_mode(void);

/* As after a power cut (4.7). */
void restart(void);

#endif
