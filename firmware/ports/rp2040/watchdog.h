/* The watchdog (data sheet, 4.7): a firmware that hangs, or ran into a fault, starts anew. */
#ifndef MMF_RP2040_WATCHDOG_H
#define MMF_RP2040_WATCHDOG_H

void watchdog_start(void);

/* More often than every four seconds. */
void watchdog_feed(void);

#endif
