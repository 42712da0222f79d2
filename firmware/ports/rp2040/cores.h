/* The second processor (data sheet, 2.8.2). */
#ifndef MMF_RP2040_CORES_H
#define MMF_RP2040_CORES_H

#include <stdint.h>

/* Starts it, with a stack of its own; the function never returns. */
void start_second_core(void (*entry)(void), uint32_t *stack_end);

/* A lock of the hardware for a few instructions (2.3.1.3). */
void lock(void);
void unlock(void);

/* Sleeps until the other one says that something has changed. */
static inline void wait_for_event(void) {
  __asm__ volatile("wfe" ::: "memory");
}

static inline void send_event(void) {
  __asm__ volatile("dmb\n sev" ::: "memory");
}

#endif
