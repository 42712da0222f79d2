/* What the device says of itself: docs/USB.md, section 1. */
#ifndef MMF_RP2040_USB_DESCRIPTORS_H
#define MMF_RP2040_USB_DESCRIPTORS_H

#include <stdint.h>

enum { CDC_INTERFACE, CDC_DATA_INTERFACE, DFU_INTERFACE, RESET_INTERFACE, INTERFACES };
#define NOTIFICATIONS 0x81u
#define BULK_OUT 0x02u
#define BULK_IN 0x82u

/* Of the request for what Windows wants to know. */
#define MICROSOFT_REQUEST 1u
#define MICROSOFT_INDEX 7u

#define MOST_DESCRIPTOR_BYTES 384u

struct usb_strings {
  const char *board, *serial;
};

/* A descriptor: its bytes in `to`, and their number; 0 if there is none. type, index: of GET_DESCRIPTOR. */
uint32_t usb_descriptor(uint8_t to[MOST_DESCRIPTOR_BYTES], uint8_t type, uint8_t index, const struct usb_strings *strings);

uint32_t usb_microsoft_set(uint8_t to[MOST_DESCRIPTOR_BYTES]);

#endif
