/*
 * The weights, on their way from flash to memory ahead of the products: the matrices of an image are used one after the other,
 * and after the last one the first one again. DMA fills a ring; two processors empty it.
 */
#ifndef MMF_RP2040_STREAM_H
#define MMF_RP2040_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#define STREAM_BYTES 8192u

/* Positions are counted from the first byte ever, and wrap at 2^32. A byte is at `position % STREAM_BYTES`. */
extern uint8_t stream_ring[STREAM_BYTES];

void stream_start(void);

/* In the interrupt of DMA: a block has come. */
void stream_interrupt(void);

/* The position of a byte of the flash, which is to be read next. first, end: of what is read over and over, multiples of 4. */
uint32_t stream_at(const uint8_t *next, const uint8_t *first, const uint8_t *end);

/* Whether everything before this position has come. */
bool stream_has(uint32_t position);

/* Everything before this position is not needed any more. */
void stream_used(uint32_t position);

/* No DMA reads the flash now, and what has come is forgotten. */
void stream_stop(void);

#endif
