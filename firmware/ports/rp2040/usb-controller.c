#include "usb-controller.h"

#include "bytes.h"
#include "clocks.h"
#include <registers.h>

/* 4.1.2.5: memory of two ports, and its layout for devices. */
#define MEMORY 0x50100000u
#define MEMORY_WORDS 1024u
#define ENDPOINT_CONTROL(endpoint) (MEMORY + 8 * ((endpoint) & 15u) + ((endpoint) & USB_IN ? 0 : 4))
#define BUFFER_CONTROL(endpoint) (MEMORY + 0x80u + 8 * ((endpoint) & 15u) + ((endpoint) & USB_IN ? 0 : 4))
#define CONTROL_BUFFER 0x100u
/* Behind it, one for each direction of the other endpoints. */
#define BUFFER(endpoint) (((endpoint) & 15u) == 0 ? CONTROL_BUFFER : 0x100u + 0x80u * ((endpoint) & 15u) + ((endpoint) & USB_IN ? 0 : 0x40u))

#define ENABLED (1u << 31)
#define TOLD_EACH_BUFFER (1u << 29)
#define TYPE_SHIFT 26u

#define FULL (1u << 15)
#define DATA1 (1u << 13)
#define STALL (1u << 11)
#define AVAILABLE (1u << 10)
#define LENGTH_MASK 0x3ffu

/* 4.1.4 */
#define USB_ADDRESS 0x50110000u
#define USB_MAIN 0x50110040u
#define USB_SIE 0x5011004cu
#define USB_STATUS 0x50110050u
#define USB_BUFFERS 0x50110058u
#define USB_STALL_ARM 0x50110068u
#define USB_MUXING 0x50110074u
#define USB_POWER 0x50110078u
#define USB_INTERRUPTS 0x50110090u

#define WAS_RESET (1u << 19)
#define HAS_SETUP (1u << 17)
#define TO_PHY 1u
#define SOFT_CONNECT (1u << 3)
#define VBUS_DETECTED (1u << 2)
#define VBUS_OVERRIDE (1u << 3)
#define PULL_UP (1u << 16)
/* A setup packet, a reset of the bus, a buffer that is done: until it is taken. */
#define ANYTHING (1u << 16 | 1u << 12 | 1u << 4)
#define CONTROL_TOLD_EACH_BUFFER (1u << 29)

static uint32_t toggles; /* a bit for each direction of an endpoint: the next packet is DATA1 */

/* Bits of BUFF_STATUS and of `toggles`. */
static uint32_t bit_of(uint8_t endpoint) {
  return 1u << (2 * (endpoint & 15u) + (endpoint & USB_IN ? 0 : 1));
}

static volatile uint8_t *buffer_of(uint8_t endpoint) {
  return (volatile uint8_t *)(MEMORY + BUFFER(endpoint));
}

void usb_controller_start(void) {
  start_usb_clock();
  unreset(RESET_USB);
  for (uint32_t word = 0; word < MEMORY_WORDS; word++) REGISTER(MEMORY + 4 * word) = 0;
  REGISTER(USB_MUXING) = TO_PHY | SOFT_CONNECT;
  REGISTER(USB_POWER) = VBUS_DETECTED | VBUS_OVERRIDE; /* the pin for it is not wired */
  REGISTER(USB_MAIN) = 1;
  REGISTER(USB_SIE) = CONTROL_TOLD_EACH_BUFFER | PULL_UP;
  REGISTER(USB_INTERRUPTS) = ANYTHING;
}

void usb_wake(void) {
  REGISTER(NVIC_ENABLE(USB_IRQ)) = 1u << USB_IRQ;
}

/* It stays until the controller is asked, which is not done here. */
void usb_interrupt(void) {
  REGISTER(NVIC_DISABLE(USB_IRQ)) = 1u << USB_IRQ;
}

bool usb_was_reset(void) {
  if ((REGISTER(USB_STATUS) & WAS_RESET) == 0) return false;
  CLEAR(USB_STATUS) = WAS_RESET;
  REGISTER(USB_ADDRESS) = 0;
  return true;
}

bool usb_has_setup(uint8_t packet[8]) {
  if ((REGISTER(USB_STATUS) & HAS_SETUP) == 0) return false;
  CLEAR(USB_STATUS) = HAS_SETUP;
  for (uint32_t byte = 0; byte < 8; byte++) packet[byte] = ((const volatile uint8_t *)MEMORY)[byte];
  return true;
}

bool usb_is_done(uint8_t endpoint) {
  const uint32_t bit = bit_of(endpoint);
  if ((REGISTER(USB_BUFFERS) & bit) == 0) return false;
  CLEAR(USB_BUFFERS) = bit;
  return true;
}

void usb_set_address(uint8_t address) {
  REGISTER(USB_ADDRESS) = address;
}

void usb_open(uint8_t endpoint, enum usb_type type) {
  usb_close(endpoint);
  REGISTER(ENDPOINT_CONTROL(endpoint)) = ENABLED | TOLD_EACH_BUFFER | (uint32_t)type << TYPE_SHIFT | BUFFER(endpoint);
}

void usb_close(uint8_t endpoint) {
  REGISTER(ENDPOINT_CONTROL(endpoint)) = 0;
  REGISTER(BUFFER_CONTROL(endpoint)) = 0;
  CLEAR(USB_BUFFERS) = bit_of(endpoint);
  toggles &= ~bit_of(endpoint);
}

void usb_begin_data(void) {
  const uint32_t bits = bit_of(0) | bit_of(USB_IN);
  REGISTER(BUFFER_CONTROL(0)) = 0;
  REGISTER(BUFFER_CONTROL(USB_IN)) = 0;
  CLEAR(USB_BUFFERS) = bits;
  toggles |= bits;
}

/* The controller runs with another clock: it may see AVAILABLE only when it sees the rest (4.1.2.5.1). */
static void make_available(uint8_t endpoint, uint32_t control) {
  const uint32_t bit = bit_of(endpoint);
  if ((toggles & bit) != 0) control |= DATA1;
  toggles ^= bit;
  REGISTER(BUFFER_CONTROL(endpoint)) = control;
  __asm__ volatile("nop\n nop\n nop\n nop\n nop\n nop\n nop\n nop\n nop\n nop\n nop\n nop");
  REGISTER(BUFFER_CONTROL(endpoint)) = control | AVAILABLE;
}

void usb_give(uint8_t endpoint, const uint8_t *bytes, uint32_t length) {
  volatile uint8_t *to = buffer_of(endpoint);
  for (uint32_t byte = 0; byte < length; byte++) to[byte] = bytes[byte];
  make_available(endpoint, FULL | length);
}

void usb_take(uint8_t endpoint) {
  make_available(endpoint, USB_PACKET_BYTES);
}

uint32_t usb_packet(uint8_t endpoint, const uint8_t **bytes) {
  *bytes = (const uint8_t *)(uintptr_t)buffer_of(endpoint);
  return REGISTER(BUFFER_CONTROL(endpoint)) & LENGTH_MASK;
}

void usb_stall(uint8_t endpoint) {
  if ((endpoint & 15u) == 0) SET(USB_STALL_ARM) = endpoint & USB_IN ? 1u : 2u;
  REGISTER(BUFFER_CONTROL(endpoint)) = STALL;
}
