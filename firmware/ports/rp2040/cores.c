#include "cores.h"

#include <registers.h>

#define HAS_DATA 1u
#define HAS_ROOM 2u

static uint32_t answered(uint32_t word) {
  while ((REGISTER(SIO_FIFO_STATUS) & HAS_ROOM) == 0) {
  }
  REGISTER(SIO_FIFO_WRITE) = word;
  send_event();
  while ((REGISTER(SIO_FIFO_STATUS) & HAS_DATA) == 0) wait_for_event();
  return REGISTER(SIO_FIFO_READ);
}

/* Its boot ROM answers each word with itself, and begins anew after one that it did not expect. */
void start_second_core(void (*entry)(void), uint32_t *stack_end) {
  const uint32_t words[6] = {0, 0, 1, REGISTER(VTOR), (uint32_t)(uintptr_t)stack_end, (uint32_t)(uintptr_t)entry};
  for (uint32_t word = 0; word < 6;) {
    if (words[word] == 0) {
      while ((REGISTER(SIO_FIFO_STATUS) & HAS_DATA) != 0) (void)REGISTER(SIO_FIFO_READ);
      send_event();
    }
    word = answered(words[word]) == words[word] ? word + 1 : 0;
  }
}

void lock(void) {
  while (REGISTER(SIO_LOCK) == 0) {
  }
  __asm__ volatile("" ::: "memory");
}

void unlock(void) {
  __asm__ volatile("dmb" ::: "memory");
  REGISTER(SIO_LOCK) = 1;
}
