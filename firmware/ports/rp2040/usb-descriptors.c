#include "usb-descriptors.h"

#include "bytes.h"
#include "dfu.h"

#define U16(value) (uint8_t)((value) & 0xff), (uint8_t)((value) >> 8)
#define U32(value) U16((value) & 0xffff), U16((value) >> 16)

enum { DEVICE = 1, CONFIGURATION, STRING, INTERFACE, ENDPOINT, ASSOCIATION = 11, OBJECT_STORE = 15, CAPABILITY, DFU_FUNCTIONAL = 0x21, FUNCTIONAL = 0x24 };
enum { MANUFACTURER = 1, PRODUCT, SERIAL, WEIGHTS, SERIAL_PORT, RESET };

#define FUNCTIONS_BYTES (8 + 9 + 5 + 5 + 4 + 5 + 7 + 9 + 7 + 7 + 9 + 9 + 9)

static const uint8_t device[] = {18, DEVICE, U16(0x0210), 0xef, 2, 1, 64, U16(0x1209), U16(0x0001), U16(0x0100), MANUFACTURER, PRODUCT, SERIAL, 1};

static const uint8_t configuration[] = {
    9, CONFIGURATION, U16(9 + FUNCTIONS_BYTES), INTERFACES, 1, 0, 0x80, 250,
    /* CDC-ACM: PSTN 1.2, 5.3; line coding, line state and break are taken. */
    8, ASSOCIATION, CDC_INTERFACE, 2, 2, 2, 0, SERIAL_PORT,
    9, INTERFACE, CDC_INTERFACE, 0, 1, 2, 2, 0, SERIAL_PORT,
    5, FUNCTIONAL, 0, U16(0x0120),
    5, FUNCTIONAL, 1, 0, CDC_DATA_INTERFACE,
    4, FUNCTIONAL, 2, 6,
    5, FUNCTIONAL, 6, CDC_INTERFACE, CDC_DATA_INTERFACE,
    7, ENDPOINT, NOTIFICATIONS, 3, U16(16), 32,
    9, INTERFACE, CDC_DATA_INTERFACE, 0, 2, 10, 0, 0, 0,
    7, ENDPOINT, BULK_OUT, 2, U16(64), 0,
    7, ENDPOINT, BULK_IN, 2, U16(64), 0,
    /* DFU 1.1, section 4: one memory. */
    9, INTERFACE, DFU_INTERFACE, 0, 0, 0xfe, 1, 2, WEIGHTS,
    9, DFU_FUNCTIONAL, MMF_DFU_ATTRIBUTES, U16(MMF_DFU_DETACH_MS), U16(MMF_DFU_BLOCK_BYTES), U16(0x0110),
    /* That of pico-sdk, by which picotool restarts a board. */
    9, INTERFACE, RESET_INTERFACE, 0, 0, 0xff, 0, 1, RESET,
};
_Static_assert(sizeof configuration == 9 + FUNCTIONS_BYTES, "wTotalLength");

#define WINDOWS_8_1 U32(0x06030000u)

/* By which programs on Windows find a function. Of DFU it is that of all boards of docs/USB.md. */
#define DFU_GUID "{5d0f9b1c-8f57-4e0a-a3a6-6b1c2f6c6d21}"
#define RESET_GUID "{0f1d3c52-6f0b-4b8e-9a57-3c2e4d9b7a10}"
#define PROPERTY_BYTES (10 + 42 + 80)
#define FUNCTION_BYTES (8 + 20 + PROPERTY_BYTES)
#define MICROSOFT_BYTES (10 + 8 + 2 * FUNCTION_BYTES)
_Static_assert(MICROSOFT_BYTES <= MOST_DESCRIPTOR_BYTES, "the largest of them");
static const char PROPERTY[] = "DeviceInterfaceGUIDs";

static const uint8_t object_store[] = {
    5, OBJECT_STORE, U16(5 + 24 + 28), 2,
    /* WebUSB: no page. */
    24, CAPABILITY, 5, 0, 0x38, 0xb6, 0x08, 0x34, 0xa9, 0x09, 0xa0, 0x47, 0x8b, 0xfd, 0xa0, 0x76, 0x88, 0x15, 0xb6, 0x65, U16(0x0100), 2, 0,
    28, CAPABILITY, 5, 0, 0xdf, 0x60, 0xdd, 0xd8, 0x89, 0x45, 0xc7, 0x4c, 0x9c, 0xd2, 0x65, 0x9d, 0x9e, 0x64, 0x8a, 0x9f, WINDOWS_8_1,
    U16(MICROSOFT_BYTES), MICROSOFT_REQUEST, 0,
};

static uint8_t *put_utf16(uint8_t *to, const char *text, uint32_t zeros) {
  for (; *text != 0; text++) *to++ = (uint8_t)*text, *to++ = 0;
  for (; zeros > 0; zeros--) *to++ = 0, *to++ = 0;
  return to;
}

/* WinUSB for a function that has this interface. */
static uint8_t *put_function(uint8_t *to, uint8_t interface, const char *guid) {
  const uint8_t head[] = {
      U16(8), U16(2), interface, 0, U16(FUNCTION_BYTES),
      U16(20), U16(3), 'W', 'I', 'N', 'U', 'S', 'B', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
      U16(PROPERTY_BYTES), U16(4), U16(7), U16(42),
  };
  memcpy(to, head, sizeof head);
  uint8_t *end = put_utf16(to + sizeof head, PROPERTY, 1);
  *end++ = 80, *end++ = 0;
  return put_utf16(end, guid, 2);
}

uint32_t usb_microsoft_set(uint8_t to[MOST_DESCRIPTOR_BYTES]) {
  static const uint8_t head[] = {
      U16(10), U16(0), WINDOWS_8_1, U16(MICROSOFT_BYTES),
      U16(8), U16(1), 0, 0, U16(8 + 2 * FUNCTION_BYTES),
  };
  memcpy(to, head, sizeof head);
  put_function(put_function(to + sizeof head, DFU_INTERFACE, DFU_GUID), RESET_INTERFACE, RESET_GUID);
  return MICROSOFT_BYTES;
}

static uint32_t put_string(uint8_t to[MOST_DESCRIPTOR_BYTES], const char *first, const char *second, const char *third) {
  uint8_t *end = put_utf16(put_utf16(put_utf16(to + 2, first, 0), second, 0), third, 0);
  to[0] = (uint8_t)(end - to);
  to[1] = STRING;
  return to[0];
}

static uint32_t string(uint8_t to[MOST_DESCRIPTOR_BYTES], uint8_t index, const struct usb_strings *strings) {
  static const uint8_t languages[] = {4, STRING, U16(0x0409)};
  switch (index) {
    case 0:
      memcpy(to, languages, sizeof languages);
      return sizeof languages;
    case MANUFACTURER:
      return put_string(to, "mmfree", "", "");
    case PRODUCT:
      return put_string(to, "mmfree board (", strings->board, ")");
    case SERIAL:
      return put_string(to, strings->serial, "", "");
    case WEIGHTS:
      return put_string(to, "weights", "", "");
    case SERIAL_PORT:
      return put_string(to, "mmfree serial port", "", "");
    case RESET:
      return put_string(to, "Reset", "", "");
    default:
      return 0;
  }
}

uint32_t usb_descriptor(uint8_t to[MOST_DESCRIPTOR_BYTES], uint8_t type, uint8_t index, const struct usb_strings *strings) {
  if (type == STRING) return string(to, index, strings);
  if (index != 0) return 0;
  const uint8_t *from = type == DEVICE ? device : type == CONFIGURATION ? configuration : object_store;
  const uint32_t length = type == DEVICE ? sizeof device : type == CONFIGURATION ? sizeof configuration : sizeof object_store;
  if (type != DEVICE && type != CONFIGURATION && type != OBJECT_STORE) return 0;
  memcpy(to, from, length);
  return length;
}
