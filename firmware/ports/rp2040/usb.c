#include "usb.h"

#include "boot-mode.h"
#include "bytes.h"
#include "little-endian.h"
#include "usb-controller.h"
#include "usb-descriptors.h"

#define CONTROL_OUT 0x00u
#define CONTROL_IN USB_IN

/* bmRequestType: direction, type, recipient (USB 2.0, 9.3.1). */
enum { STANDARD = 0x00, CLASS = 0x20, VENDOR = 0x40, TYPE_MASK = 0x60 };
enum { TO_DEVICE, TO_INTERFACE, TO_ENDPOINT, RECIPIENT_MASK = 0x1f };
enum { GET_STATUS, CLEAR_FEATURE, SET_FEATURE = 3, SET_ADDRESS = 5, GET_DESCRIPTOR, GET_CONFIGURATION = 8, SET_CONFIGURATION, GET_INTERFACE, SET_INTERFACE };
enum { SET_LINE_CODING = 0x20, GET_LINE_CODING, SET_CONTROL_LINE_STATE, SEND_BREAK };
/* Of picotool's reset interface. */
enum { TO_BOOT_MODE = 1, TO_FLASH = 2 };

#define LINE_CODING_BYTES 7u
#define DATA_TERMINAL_READY 1u
#define TOUCH_BAUD 1200u /* a port that is closed with it: the board is to take a file */
#define LAST_WORD_MS 20u

#define MOST_ANSWER_BYTES 1024u
_Static_assert(MOST_ANSWER_BYTES >= MOST_DESCRIPTOR_BYTES && MOST_ANSWER_BYTES >= MMF_DFU_MOST_ANSWER_BYTES, "room for both");

struct setup {
  uint8_t request_type, request;
  uint32_t value, index, length;
};

enum stage { IDLE, GIVING, TAKING, STATUS };
enum way_out { NONE, BOOT_MODE, RESTART };

static struct {
  struct mmf_link *line;
  struct mmf_dfu *dfu;
  struct usb_strings strings;
  /* The control transfer. */
  struct setup setup;
  enum stage stage;
  uint8_t data[MOST_ANSWER_BYTES];
  const uint8_t *from; /* what is given */
  uint8_t *to;         /* where what is taken goes, setup.length bytes */
  uint32_t length, at; /* of the data; what was given or taken of it */
  bool is_ended;       /* by a short packet, or because the host wants no more */
  bool has_address;
  uint8_t address; /* that counts when the transfer is over */
  /* The device. */
  uint8_t configuration;
  uint32_t halted; /* bits: notifications, bulk out, bulk in */
  /* The serial port. */
  uint8_t line_coding[LINE_CODING_BYTES];
  uint32_t line_state;
  bool is_taking, is_giving, was_full;
  enum way_out way_out;
  uint32_t way_out_ms;
} usb;

static const uint8_t endpoints[] = {NOTIFICATIONS, BULK_OUT, BULK_IN};
#define ENDPOINTS (sizeof endpoints)

static uint32_t index_of(uint32_t endpoint) {
  uint32_t index = 0;
  while (index < ENDPOINTS && endpoints[index] != endpoint) index++;
  return index;
}

static void unplug(void) {
  usb.line_state = 0;
  mmf_link_unplug(usb.line);
}

static void open_endpoint(uint32_t index) {
  usb.halted &= ~(1u << index);
  usb_open(endpoints[index], endpoints[index] == NOTIFICATIONS ? USB_INTERRUPT : USB_BULK);
  if (endpoints[index] == BULK_OUT) usb.is_taking = false;
  if (endpoints[index] == BULK_IN) usb.is_giving = usb.was_full = false;
}

static void configure(uint8_t configuration) {
  unplug();
  mmf_dfu_reset(usb.dfu);
  usb.configuration = configuration;
  for (uint32_t index = 0; index < ENDPOINTS; index++) {
    if (configuration != 0) open_endpoint(index);
    else usb_close(endpoints[index]);
  }
}

static bool answer(uint32_t length) {
  usb.length = length;
  return true;
}

static bool answer_word(uint32_t value, uint32_t length) {
  usb.data[0] = (uint8_t)value;
  usb.data[1] = (uint8_t)(value >> 8);
  return answer(length);
}

static bool device_request(const struct setup *setup) {
  switch (setup->request) {
    case GET_STATUS:
      return answer_word(0, 2);
    case SET_ADDRESS:
      usb.address = (uint8_t)setup->value;
      usb.has_address = setup->value < 128;
      return usb.has_address;
    case GET_DESCRIPTOR:
      return answer(usb_descriptor(usb.data, (uint8_t)(setup->value >> 8), (uint8_t)setup->value, &usb.strings)) && usb.length > 0;
    case GET_CONFIGURATION:
      return answer_word(usb.configuration, 1);
    case SET_CONFIGURATION:
      if (setup->value > 1) return false;
      configure((uint8_t)setup->value);
      return true;
    default:
      return false;
  }
}

static bool interface_request(const struct setup *setup) {
  if (usb.configuration == 0 || setup->index >= INTERFACES) return false;
  if (setup->request == GET_STATUS) return answer_word(0, 2);
  if (setup->request == GET_INTERFACE) return answer_word(0, 1);
  if (setup->request != SET_INTERFACE || setup->value != 0) return false;
  if (setup->index == DFU_INTERFACE) mmf_dfu_reset(usb.dfu);
  for (uint32_t index = 0; index < ENDPOINTS; index++) {
    const uint32_t interface = endpoints[index] == NOTIFICATIONS ? CDC_INTERFACE : CDC_DATA_INTERFACE;
    if (interface == setup->index) open_endpoint(index);
  }
  return true;
}

static bool endpoint_request(const struct setup *setup) {
  const bool is_control = (setup->index & ~USB_IN) == 0;
  const uint32_t index = index_of(setup->index);
  if (!is_control && (usb.configuration == 0 || index == ENDPOINTS)) return false;
  if (setup->request == GET_STATUS) return answer_word(is_control ? 0 : usb.halted >> index & 1, 2);
  if (is_control || setup->value != 0) return false;
  if (setup->request == CLEAR_FEATURE) {
    open_endpoint(index);
    return true;
  }
  if (setup->request != SET_FEATURE) return false;
  usb.halted |= 1u << index;
  usb_stall(endpoints[index]);
  return true;
}

static bool standard_request(const struct setup *setup) {
  const bool gives = setup->request == GET_STATUS || setup->request == GET_DESCRIPTOR || setup->request == GET_CONFIGURATION || setup->request == GET_INTERFACE;
  if (gives != ((setup->request_type & USB_IN) != 0) || (!gives && setup->length != 0)) return false;
  switch (setup->request_type & RECIPIENT_MASK) {
    case TO_DEVICE:
      return device_request(setup);
    case TO_INTERFACE:
      return interface_request(setup);
    case TO_ENDPOINT:
      return endpoint_request(setup);
    default:
      return false;
  }
}

/* Once the host has heard the answer. */
static void leave(enum way_out way_out, uint32_t now_ms) {
  usb.way_out = way_out;
  usb.way_out_ms = now_ms + LAST_WORD_MS;
}

/* A port that is closed at this speed asks for the boot mode. */
static void notice_touch(uint32_t now_ms) {
  const bool is_closed = (usb.line_state & DATA_TERMINAL_READY) == 0;
  if (is_closed && mmf_u32(usb.line_coding) == TOUCH_BAUD) leave(BOOT_MODE, now_ms);
}

static bool serial_request(const struct setup *setup, uint32_t now_ms) {
  switch (setup->request_type << 8 | setup->request) {
    case 0x2100 | SET_LINE_CODING:
      usb.to = usb.data; /* when its data has come */
      return setup->length == LINE_CODING_BYTES;
    case 0xa100 | GET_LINE_CODING:
      memcpy(usb.data, usb.line_coding, LINE_CODING_BYTES);
      return answer(LINE_CODING_BYTES);
    case 0x2100 | SET_CONTROL_LINE_STATE:
      if (setup->length != 0) return false;
      if ((usb.line_state & ~setup->value & DATA_TERMINAL_READY) != 0) unplug();
      usb.line_state = setup->value;
      notice_touch(now_ms);
      return true;
    case 0x2100 | SEND_BREAK:
      return setup->length == 0;
    default:
      return false;
  }
}

static bool reset_request(const struct setup *setup, uint32_t now_ms) {
  if ((setup->request_type & USB_IN) != 0 || setup->length != 0) return false;
  if (setup->request != TO_BOOT_MODE && setup->request != TO_FLASH) return false;
  leave(setup->request == TO_BOOT_MODE ? BOOT_MODE : RESTART, now_ms);
  return true;
}

static struct mmf_dfu_request dfu_request_of(const struct setup *setup) {
  return (struct mmf_dfu_request){(setup->request_type & USB_IN) != 0, (setup->request_type & TYPE_MASK) == VENDOR, setup->request,
                                  setup->value, setup->length};
}

static bool dfu_request(const struct setup *setup) {
  const struct mmf_dfu_request asked = dfu_request_of(setup);
  if (asked.is_in) {
    usb.from = mmf_dfu_in(usb.dfu, &asked, usb.data, &usb.length);
    return usb.from != 0;
  }
  if (asked.length == 0) return mmf_dfu_out(usb.dfu, &asked);
  usb.to = mmf_dfu_room(usb.dfu, &asked);
  return usb.to != 0;
}

static bool request(const struct setup *setup, uint32_t now_ms) {
  const uint32_t type = setup->request_type & TYPE_MASK, recipient = setup->request_type & RECIPIENT_MASK;
  usb.length = 0;
  usb.from = usb.data;
  if (type == STANDARD) return standard_request(setup);
  if (recipient == TO_DEVICE) {
    const bool is_for_set = setup->request_type == (USB_IN | VENDOR) && setup->request == MICROSOFT_REQUEST && setup->index == MICROSOFT_INDEX;
    return is_for_set && answer(usb_microsoft_set(usb.data));
  }
  if (recipient != TO_INTERFACE || usb.configuration == 0) return false;
  if (setup->index == DFU_INTERFACE && (type == CLASS || type == VENDOR)) return dfu_request(setup);
  if (setup->index == CDC_INTERFACE && type == CLASS) return serial_request(setup, now_ms);
  return setup->index == RESET_INTERFACE && reset_request(setup, now_ms);
}

static void stall_control(void) {
  usb.stage = IDLE;
  usb_stall(CONTROL_IN);
  usb_stall(CONTROL_OUT);
}

/* The next packet for the host: what is less than it asked for ends with a short one, of no bytes if need be. */
static void give(void) {
  const uint32_t left = usb.length - usb.at, length = left < USB_PACKET_BYTES ? left : USB_PACKET_BYTES;
  usb_give(CONTROL_IN, usb.from + usb.at, length);
  usb.at += length;
  usb.is_ended = length < USB_PACKET_BYTES || usb.at == usb.setup.length;
}

static void take_setup(const uint8_t packet[8], uint32_t now_ms) {
  const struct setup setup = {packet[0], packet[1], mmf_u16(packet + 2), mmf_u16(packet + 4), mmf_u16(packet + 6)};
  usb.setup = setup;
  usb.stage = IDLE;
  usb.has_address = false;
  usb.at = 0;
  usb_begin_data();
  if (!request(&setup, now_ms)) {
    stall_control();
  } else if ((setup.request_type & USB_IN) != 0) {
    if (usb.length > setup.length) usb.length = setup.length;
    /* A host may end early; what it says then is taken at once. */
    usb_take(CONTROL_OUT);
    usb.stage = GIVING;
    give();
  } else if (setup.length > 0) {
    usb.stage = TAKING;
    usb_take(CONTROL_OUT);
  } else {
    usb.stage = STATUS;
    usb_give(CONTROL_IN, usb.data, 0);
  }
}

/* All data of a request have come: of SET_LINE_CODING, or for DFU. False: STALL. */
static bool request_with_data(uint32_t now_ms) {
  if (usb.setup.index == DFU_INTERFACE) {
    const struct mmf_dfu_request asked = dfu_request_of(&usb.setup);
    return mmf_dfu_out(usb.dfu, &asked);
  }
  memcpy(usb.line_coding, usb.data, LINE_CODING_BYTES);
  notice_touch(now_ms);
  return true;
}

/* A packet of the host: all but the last are full. */
static void take_data(uint32_t now_ms) {
  const uint8_t *bytes;
  const uint32_t length = usb_packet(CONTROL_OUT, &bytes), left = usb.setup.length - usb.at;
  if (length != (left < USB_PACKET_BYTES ? left : USB_PACKET_BYTES)) {
    stall_control();
    return;
  }
  for (uint32_t byte = 0; byte < length; byte++) usb.to[usb.at++] = bytes[byte];
  if (usb.at < usb.setup.length) {
    usb_take(CONTROL_OUT);
  } else if (request_with_data(now_ms)) {
    usb.stage = STATUS;
    usb_give(CONTROL_IN, usb.data, 0);
  } else {
    stall_control();
  }
}

static void control(uint32_t now_ms) {
  uint8_t packet[8];
  if (usb_has_setup(packet)) {
    take_setup(packet, now_ms);
    return;
  }
  if (usb_is_done(CONTROL_IN)) {
    if (usb.stage == GIVING && !usb.is_ended) give();
    if (usb.stage == STATUS) {
      if (usb.has_address) usb_set_address(usb.address);
      usb.stage = IDLE;
    }
  }
  if (usb_is_done(CONTROL_OUT)) {
    if (usb.stage == TAKING) take_data(now_ms);
    else usb.stage = IDLE;
  }
}

static void receive(uint32_t now_ms) {
  if (usb.is_taking && usb_is_done(BULK_OUT)) {
    const uint8_t *bytes;
    const uint32_t length = usb_packet(BULK_OUT, &bytes);
    mmf_link_receive(usb.line, bytes, length, now_ms);
    usb.is_taking = false;
  }
  if (!usb.is_taking) usb_take(BULK_OUT);
  usb.is_taking = true;
}

/* A packet that is not full tells the host that there is no more now. */
static void transmit(void) {
  if (usb.is_giving && !usb_is_done(BULK_IN)) return;
  usb.is_giving = false;
  const uint8_t *bytes;
  const uint32_t waiting = mmf_link_output(usb.line, &bytes), length = waiting < USB_PACKET_BYTES ? waiting : USB_PACKET_BYTES;
  if (length == 0 && !usb.was_full) return;
  usb_give(BULK_IN, bytes, length);
  mmf_link_took(usb.line, length);
  usb.is_giving = true;
  usb.was_full = length == USB_PACKET_BYTES;
}

void usb_start(struct mmf_link *line, struct mmf_dfu *dfu, const char *board, const char *serial) {
  static const uint8_t coding[LINE_CODING_BYTES] = {0x00, 0xc2, 0x01, 0x00, 0, 0, 8}; /* 115,200 baud, 8N1 */
  usb.line = line;
  usb.dfu = dfu;
  usb.strings.board = board;
  usb.strings.serial = serial;
  memcpy(usb.line_coding, coding, sizeof coding);
  usb_controller_start();
}

void usb_poll(uint32_t now_ms) {
  if (usb.way_out != NONE && (int32_t)(now_ms - usb.way_out_ms) >= 0) {
    if (usb.way_out == BOOT_MODE) enter_boot_mode();
    restart();
  }
  if (usb_was_reset()) {
    usb.stage = IDLE;
    configure(0);
  }
  control(now_ms);
  if (usb.configuration == 0) return;
  if ((usb.halted & 1u << index_of(BULK_OUT)) == 0) receive(now_ms);
  if ((usb.halted & 1u << index_of(BULK_IN)) == 0) transmit();
}
