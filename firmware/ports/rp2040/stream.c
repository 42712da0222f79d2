#include "stream.h"

#include "clocks.h"
#include <registers.h>

#define BLOCK_BYTES 2048u
#define RING_BITS 13u
#define CHANNEL 0u

_Static_assert(STREAM_BYTES == 1u << RING_BITS, "the ring of the DMA");

__attribute__((section(".ring"), aligned(STREAM_BYTES))) uint8_t stream_ring[STREAM_BYTES];

static struct {
  const uint8_t *first, *end;
  const uint8_t *source;       /* of the next block */
  const uint8_t *used_source;  /* of the byte at `used` */
  volatile uint32_t come, used; /* positions */
  uint32_t block;              /* bytes that are on their way */
  volatile bool is_on;
} stream;

static void disable_interrupts(void) {
  __asm__ volatile("cpsid i" ::: "memory");
}

static void enable_interrupts(void) {
  __asm__ volatile("cpsie i" ::: "memory");
}

void stream_start(void) {
  unreset(RESET_DMA);
  SET(DMA_INTERRUPT_ENABLE_0) = 1u << CHANNEL;
  REGISTER(NVIC_ENABLE(DMA_IRQ_0)) = 1u << DMA_IRQ_0 % 32;
}

/* With interrupts off: the next block, if there is room. */
static void fetch(void) {
  if (!stream.is_on || stream.block != 0) return;
  const uint32_t room = STREAM_BYTES - (stream.come - stream.used), left = (uint32_t)(stream.end - stream.source);
  const uint32_t bytes = left < BLOCK_BYTES ? left : BLOCK_BYTES;
  if (room < bytes) return;
  stream.block = bytes;
  REGISTER(DMA_READ(CHANNEL)) = (uint32_t)(uintptr_t)stream.source;
  REGISTER(DMA_WRITE(CHANNEL)) = (uint32_t)(uintptr_t)(stream_ring + stream.come % STREAM_BYTES);
  REGISTER(DMA_COUNT(CHANNEL)) = bytes / 4;
  REGISTER(DMA_TRIGGER(CHANNEL)) = DMA_COPY(RING_BITS);
}

void stream_interrupt(void) {
  REGISTER(DMA_INTERRUPT_STATUS_0) = 1u << CHANNEL;
  stream.come += stream.block;
  stream.source += stream.block;
  if (stream.source == stream.end) stream.source = stream.first;
  stream.block = 0;
  fetch();
}

bool stream_has(uint32_t position) {
  return (int32_t)(stream.come - position) >= 0;
}

void stream_used(uint32_t position) {
  disable_interrupts();
  const uint32_t passed = position - stream.used, size = (uint32_t)(stream.end - stream.first);
  stream.used = position;
  stream.used_source += passed;
  while (stream.used_source >= stream.end) stream.used_source -= size;
  fetch();
  enable_interrupts();
}

void stream_stop(void) {
  stream.is_on = false;
  while (*(volatile uint32_t *)&stream.block != 0) {
  }
}

uint32_t stream_at(const uint8_t *next, const uint8_t *first, const uint8_t *end) {
  const bool is_going = stream.is_on && stream.first == first && stream.end == end && stream.used_source == next;
  if (!is_going) {
    stream_stop();
    stream.first = first;
    stream.end = end;
    stream.source = stream.used_source = next;
    stream.used = stream.come;
    stream.is_on = true;
    stream_used(stream.come);
  }
  return stream.used;
}
