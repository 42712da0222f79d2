/*
 * The board as a USB device: docs/USB.md, with full speed only, and picotool's reset interface. usb_poll does what the host
 * asks for; it is called all the time, also while the board computes.
 */
#ifndef MMF_RP2040_USB_H
#define MMF_RP2040_USB_H

#include "dfu.h"
#include "link.h"

/* The line is the serial port. serial: text of at most 64 characters, which stays. */
void usb_start(struct mmf_link *line, struct mmf_dfu *dfu, const char *board, const char *serial);

void usb_poll(uint32_t now_ms);

#endif
