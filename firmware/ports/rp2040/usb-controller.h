/*
 * The USB controller as a full-speed device (data sheet, 4.1): transactions of the endpoints. The port
 * asks for what has happened, which a host waits for (it hears NAK meanwhile); an interrupt only ends its sleep.
 */
#ifndef MMF_RP2040_USB_CONTROLLER_H
#define MMF_RP2040_USB_CONTROLLER_H

#include <stdbool.h>
#include <stdint.h>

#define USB_PACKET_BYTES 64u

enum usb_type { USB_CONTROL, USB_ISOCHRONOUS, USB_BULK, USB_INTERRUPT };

/* As in descriptors: bit 7 is the direction, to the host. */
#define USB_IN 0x80u

/* Clock, memory, and the device as the host sees it from then on. */
void usb_controller_start(void);

/* Whatever the host does next is an interrupt, which ends a sleep, and is asked for once. */
void usb_wake(void);
void usb_interrupt(void);

/* Each is told once. */
bool usb_was_reset(void);
bool usb_has_setup(uint8_t packet[8]);
bool usb_is_done(uint8_t endpoint);

void usb_set_address(uint8_t address);

/* Endpoints but 0 begin with DATA0 then, and their halt is over. */
void usb_open(uint8_t endpoint, enum usb_type type);
void usb_close(uint8_t endpoint);

/* Endpoint 0 goes on with DATA1, in both directions, behind a setup packet. */
void usb_begin_data(void);

/* A packet for the host, at most USB_PACKET_BYTES; room for one of the host. usb_is_done tells its end. */
void usb_give(uint8_t endpoint, const uint8_t *bytes, uint32_t length);
void usb_take(uint8_t endpoint);

/* The packet that has come. */
uint32_t usb_packet(uint8_t endpoint, const uint8_t **bytes);

/* Of endpoint 0: until the next setup packet. */
void usb_stall(uint8_t endpoint);

#endif
