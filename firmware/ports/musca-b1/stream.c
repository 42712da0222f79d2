/* The stream of weights without DMA: the flash is memory, so what there is room for comes at once. */
#include "stream.h"

#include "bytes.h"

uint8_t stream_ring[STREAM_BYTES];

static struct {
  const uint8_t *first, *end;
  const uint8_t *source;      /* of what comes next */
  const uint8_t *used_source; /* of the byte at `used` */
  uint32_t come, used;        /* positions */
  bool is_on;
} stream;

void stream_start(void) {
}

bool stream_has(uint32_t position) {
  return (int32_t)(stream.come - position) >= 0;
}

void stream_used(uint32_t position) {
  const uint32_t passed = position - stream.used, size = (uint32_t)(stream.end - stream.first);
  stream.used = position;
  stream.used_source += passed;
  while (stream.used_source >= stream.end) stream.used_source -= size;
  while (stream.come - stream.used < STREAM_BYTES) {
    stream_ring[stream.come++ % STREAM_BYTES] = *stream.source++;
    if (stream.source == stream.end) stream.source = stream.first;
  }
}

void stream_stop(void) {
  stream.is_on = false;
}

uint32_t stream_at(const uint8_t *next, const uint8_t *first, const uint8_t *end) {
  const bool is_going = stream.is_on && stream.first == first && stream.end == end && stream.used_source == next;
  if (!is_going) {
    stream.first = first;
    stream.end = end;
    stream.source = stream.used_source = next;
    stream.used = stream.come;
    stream.is_on = true;
    stream_used(stream.come);
  }
  return stream.used;
}
