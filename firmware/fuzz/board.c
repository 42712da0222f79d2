/*
 * A hostile host for the board of the core: libFuzzer's input is a list of steps, each a byte that says what, a byte or two
 * of length, and bytes.
 *
 *   0  raw bytes to the line           3  a message in a right frame: type, payload
 *   1  time passes: 1 … 4,096 ms       4  a frame of any kind with a right CRC: its head, payload
 *   2  the wire is taken away          5  SYN with a nonce of its own
 *   6  a request over DFU: a byte of which bit 0 says IN and bit 1 vendor, number, value (2 bytes), data
 *
 * With MMFREE_FUZZ_COUNT in the environment it says at its end how many frames came, good ones and bad ones. The file MMFREE_FUZZ_IMAGE is in the first slot. The flash is a NOR flash that refuses what firmware must not do.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "crc32.h"
#include "little-endian.h"

#define SECTOR_BYTES 4096u
#define SLOT_BYTES (12 * SECTOR_BYTES)
#define FLASH_BYTES (2 * SECTOR_BYTES + 2 * SLOT_BYTES)
#define MOST_WORK 400

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t flash_bytes[FLASH_BYTES] __attribute__((aligned(4096)));
static uint8_t image[SLOT_BYTES];
static size_t image_length;
static uint32_t memory[1 << 16], clock_ms;
static struct mmf_board board;
static struct mmf_link line;
static struct mmf_dfu dfu;
static uint64_t frames;
static bool is_plugged;
static uint8_t sequence;

static uint32_t now_ms(void *context) {
  (void)context;
  return clock_ms;
}

static bool erase(void *context, uint32_t offset) {
  (void)context;
  if (offset % SECTOR_BYTES != 0 || offset >= FLASH_BYTES) abort();
  memset(flash_bytes + offset, 0xff, SECTOR_BYTES);
  return true;
}

static bool program(void *context, uint32_t offset, const uint8_t *bytes, uint32_t length) {
  (void)context;
  if (length == 0 || offset % MMF_PAGE_BYTES + length > MMF_PAGE_BYTES || offset + length > FLASH_BYTES) abort();
  for (uint32_t index = 0; index < length; index++) {
    if (flash_bytes[offset + index] != 0xff) abort();
    flash_bytes[offset + index] = bytes[index];
  }
  return true;
}

static void count_frames(void) {
  frames += line.counts.frames_in + line.counts.bad_frames;
  line.counts.frames_in = line.counts.bad_frames = 0;
}

static void tell_frames(void) {
  printf("%llu\n", (unsigned long long)frames);
}

static void plug_in(void) {
  count_frames();
  if (is_plugged) mmf_board_remove_line(&board, &line);
  mmf_link_init(&line, clock_ms);
  mmf_board_add_line(&board, &line);
  is_plugged = true;
  sequence = 0;
}

static void start(void) {
  const struct mmf_board_options options = {.board = "fuzz",
                                            .serial = "1",
                                            .firmware = "1",
                                            .boot_nonce = 1,
                                            .limits = {.vocab = 4096, .hidden = 64, .intermediate = 64, .layers = 8},
                                            .can_restart = true,
                                            .now_ms = now_ms,
                                            .memory = memory};
  const struct mmf_flash flash = {flash_bytes, FLASH_BYTES, SECTOR_BYTES, erase, program, NULL};
  if (mmf_board_bytes(&options.limits) > sizeof memory) abort();
  mmf_board_start(&board, &options, &flash, 2);
  mmf_board_add_dfu(&board, &dfu);
  is_plugged = false;
  plug_in();
}

static void work(void) {
  for (int piece = 0; piece < MOST_WORK; piece++) {
    const bool is_idle = mmf_board_work(&board) > 0;
    const uint8_t *bytes;
    uint32_t length = mmf_link_output(&line, &bytes);
    const bool is_silent = length == 0;
    for (; length > 0; length = mmf_link_output(&line, &bytes)) {
      if (length > MMFREE_MAX_ENCODED_BYTES + 2) abort();
      mmf_link_took(&line, length);
    }
    if (is_idle && is_silent) return;
  }
}

static void send_frame(struct mmf_frame frame) {
  static uint8_t out[MMFREE_MAX_ENCODED_BYTES + 2];
  mmf_link_receive(&line, out, mmf_frame_encode(&frame, out), clock_ms);
}

/* Acknowledges what the board has sent, as a host does that hears everything. */
static void send_message(const uint8_t *bytes, uint32_t length) {
  send_frame((struct mmf_frame){.kind = MMFREE_FRAME_DATA,
                                .type = bytes[0],
                                .sequence = sequence,
                                .acknowledge = (uint8_t)(line.next + (line.is_sending && line.is_sent)),
                                .window = MMFREE_MAX_WINDOW,
                                .length = length - 1,
                                .payload = bytes + 1});
  sequence = line.expected;
}

static void send_syn(uint32_t nonce) {
  uint8_t payload[12] = {'m', 'm', 'f', 'r', 'e', 'e', 0, 1};
  mmf_put_u32(payload + 8, nonce);
  send_frame((struct mmf_frame){.kind = MMFREE_FRAME_SYN, .window = MMFREE_MAX_WINDOW, .length = 12, .payload = payload});
  sequence = 0;
}

/* An answer must be where it says that it is. */
static void ask_dfu(const uint8_t *bytes, uint32_t length) {
  static uint8_t small[MMF_DFU_MOST_ANSWER_BYTES];
  const uint32_t data = length - 4;
  const struct mmf_dfu_request request = {(bytes[0] & 1) != 0, (bytes[0] & 2) != 0, bytes[1], mmf_u16(bytes + 2), data};
  if (request.is_in) {
    uint32_t given, sum = 0;
    const uint8_t *answer = mmf_dfu_in(&dfu, &request, small, &given);
    if (answer == NULL) return;
    if (given > data) abort();
    for (uint32_t index = 0; index < given; index++) sum += answer[index];
    small[0] = (uint8_t)sum;
    return;
  }
  if (data > 0) {
    uint8_t *to = mmf_dfu_room(&dfu, &request);
    if (to == NULL) return;
    memcpy(to, bytes + 4, data);
  }
  mmf_dfu_out(&dfu, &request);
}

static void step(uint8_t what, const uint8_t *bytes, uint32_t length) {
  if (what == 0) {
    mmf_link_receive(&line, bytes, length, clock_ms);
  } else if (what == 1) {
    clock_ms += 1 + (length * 16) % 4096;
  } else if (what == 2) {
    plug_in();
  } else if (what == 3 && length > 0) {
    send_message(bytes, length < MMFREE_MAX_PAYLOAD_BYTES ? length : MMFREE_MAX_PAYLOAD_BYTES);
  } else if (what == 4 && length >= 6) {
    send_frame((struct mmf_frame){bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], length - 6, bytes + 6});
  } else if (what == 5) {
    send_syn(length);
  } else if (what == 6 && length >= 4) {
    ask_dfu(bytes, length);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static bool is_loaded;
  if (!is_loaded) {
    const char *path = getenv("MMFREE_FUZZ_IMAGE");
    FILE *file = path == NULL ? NULL : fopen(path, "rb");
    if (file != NULL) {
      image_length = fread(image, 1, sizeof image, file);
      fclose(file);
    }
    if (getenv("MMFREE_FUZZ_COUNT") != NULL) atexit(tell_frames);
    is_loaded = true;
  }
  clock_ms = 0;
  memset(flash_bytes, 0xff, sizeof flash_bytes);
  memcpy(flash_bytes + 2 * SECTOR_BYTES, image, image_length);
  start();
  send_syn(7);
  work();
  for (size_t at = 0; at + 3 <= size;) {
    const size_t left = size - at - 3, wanted = (size_t)data[at + 1] | (size_t)(data[at + 2] & 15) << 8;
    const size_t length = wanted < left ? wanted : left;
    step(data[at] % 7, data + at + 3, (uint32_t)length);
    work();
    at += 3 + length;
  }
  count_frames();
  return 0;
}
