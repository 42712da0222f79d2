/* Products on both processors, of weights that DMA brings. */
#ifndef MMF_RP2040_PRODUCTS_H
#define MMF_RP2040_PRODUCTS_H

#include "model.h"

/* Starts the second processor and the stream of weights. */
void start_products(void);

/* For struct mmf_board_options. */
mmf_multiplier multiply_on_both;

#endif
