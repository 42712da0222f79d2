/*
 * The board of the core on a TCP port of this computer: `tcp-board PORT [IMAGE]`. It has two slots of 16 MiB in memory, and
 * forgets them when it ends. PORT 0 takes any; the line that it prints says which.
 *
 * docs/PROTOCOL.md, section 2: a connection begins with the SYN of a host, else it is closed at once; one without a session
 * for 10 s is closed as well.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "board.h"

#define SECTOR_BYTES 4096u
#define FLASH_BYTES (2 * SECTOR_BYTES + 2 * (16u << 20))
#define WAITING_MS 10000u
#define LONGEST_WAIT_MS 1000
#define MOST_ZEROS 16u
#define MOST_SYN_BYTES 40u

static struct mmf_board board;
static uint8_t *flash_bytes;

/* A connection, whose first bytes are kept until they are a SYN. */
struct connection {
  int socket;
  bool is_host;
  uint32_t since_ms, first_length;
  uint8_t first[MOST_ZEROS + MOST_SYN_BYTES];
  struct mmf_link link;
};

static struct connection *connections[MMF_MAX_LINES];

static uint32_t now_ms(void *context) {
  (void)context;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint32_t)((uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000);
}

static bool erase(void *context, uint32_t offset) {
  (void)context;
  memset(flash_bytes + offset, 0xff, SECTOR_BYTES);
  return true;
}

/* As a NOR flash does: ones become zeros. */
static bool program(void *context, uint32_t offset, const uint8_t *bytes, uint32_t length) {
  (void)context;
  for (uint32_t index = 0; index < length; index++) flash_bytes[offset + index] &= bytes[index];
  return true;
}

static void hang_up(uint32_t number) {
  struct connection *connection = connections[number];
  if (connection->is_host) mmf_board_remove_line(&board, &connection->link);
  close(connection->socket);
  free(connection);
  connections[number] = NULL;
}

/* 1: the SYN of a host has come; 0: not yet; -1: something else. */
static int begins_with_syn(const struct connection *connection) {
  struct mmf_frame_reader reader = {0};
  uint32_t zeros = 0;
  for (uint32_t index = 0; index < connection->first_length; index++) {
    struct mmf_frame frame;
    if (connection->first[index] == 0 && reader.on_the_line == 0) {
      if (++zeros > MOST_ZEROS) return -1;
      continue;
    }
    const enum mmf_frame_result result = mmf_frame_take(&reader, connection->first[index], &frame);
    if (reader.is_text) return -1;
    if (result == MMF_FRAME_INCOMPLETE) continue;
    return result == MMF_FRAME_GOOD && frame.kind == MMFREE_FRAME_SYN && memcmp(frame.payload, "mmfree", 7) == 0 ? 1 : -1;
  }
  return connection->first_length < sizeof connection->first ? 0 : -1;
}

/* False: the connection is over. */
static bool receive(struct connection *connection, const uint8_t *bytes, uint32_t length) {
  const uint32_t now = now_ms(NULL);
  while (!connection->is_host && length > 0) {
    connection->first[connection->first_length++] = *bytes++;
    length--;
    const int is_syn = begins_with_syn(connection);
    if (is_syn < 0) return false;
    if (is_syn == 0) continue;
    connection->is_host = true;
    mmf_link_init(&connection->link, now);
    mmf_board_add_line(&board, &connection->link);
    mmf_link_receive(&connection->link, connection->first, connection->first_length, now);
  }
  if (connection->is_host && length > 0) mmf_link_receive(&connection->link, bytes, length, now);
  return true;
}

/* What is there to be read, without waiting. */
static bool read_some(struct connection *connection) {
  uint8_t bytes[16384];
  const ssize_t length = recv(connection->socket, bytes, sizeof bytes, 0);
  if (length < 0) return errno == EAGAIN || errno == EINTR;
  return length > 0 && receive(connection, bytes, (uint32_t)length);
}

static bool write_some(struct connection *connection) {
  const uint8_t *bytes;
  uint32_t length;
  while (connection->is_host && (length = mmf_link_output(&connection->link, &bytes)) > 0) {
    const ssize_t sent = send(connection->socket, bytes, length, MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == EINTR;
    mmf_link_took(&connection->link, (uint32_t)sent);
  }
  return true;
}

/* Between two pieces of a product; connections come and go elsewhere. */
static void serve(void *context) {
  (void)context;
  for (uint32_t number = 0; number < MMF_MAX_LINES; number++) {
    struct connection *connection = connections[number];
    if (connection == NULL || !connection->is_host) continue;
    if (!read_some(connection)) shutdown(connection->socket, SHUT_RDWR);
    mmf_link_poll(&connection->link, now_ms(NULL));
    write_some(connection);
  }
}

static void take_connection(int listener) {
  const int socket = accept(listener, NULL, NULL);
  if (socket < 0) return;
  fcntl(socket, F_SETFL, O_NONBLOCK);
  for (uint32_t number = 0; number < MMF_MAX_LINES; number++) {
    if (connections[number] != NULL) continue;
    connections[number] = calloc(1, sizeof *connections[number]);
    if (connections[number] == NULL) break;
    connections[number]->socket = socket;
    connections[number]->since_ms = now_ms(NULL);
    return;
  }
  close(socket);
}

/* Returns in how many milliseconds to come again. */
static uint32_t serve_connections(void) {
  for (uint32_t number = 0; number < MMF_MAX_LINES; number++) {
    struct connection *connection = connections[number];
    if (connection == NULL) continue;
    const bool has_session = connection->is_host && connection->link.is_open;
    if (has_session) connection->since_ms = now_ms(NULL);
    const bool waits_too_long = now_ms(NULL) - connection->since_ms >= WAITING_MS;
    if (!read_some(connection) || waits_too_long) hang_up(number);
  }
  const uint32_t wait_ms = mmf_board_work(&board);
  for (uint32_t number = 0; number < MMF_MAX_LINES; number++) {
    if (connections[number] != NULL && !write_some(connections[number])) hang_up(number);
  }
  return wait_ms;
}

/* Until something comes, a line takes more, or the time is over. */
static void wait_for(int listener, uint32_t wait_ms) {
  struct pollfd ends[MMF_MAX_LINES + 1] = {{.fd = listener, .events = POLLIN}};
  nfds_t count = 1;
  for (uint32_t number = 0; number < MMF_MAX_LINES; number++) {
    const struct connection *connection = connections[number];
    if (connection == NULL) continue;
    const bool is_full = connection->is_host && connection->link.out_at < connection->link.out_length;
    ends[count++] = (struct pollfd){.fd = connection->socket, .events = is_full ? POLLIN | POLLOUT : POLLIN};
  }
  poll(ends, count, wait_ms < LONGEST_WAIT_MS ? (int)wait_ms : LONGEST_WAIT_MS);
}

static int listen_on(uint16_t port) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  const int yes = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t length = sizeof address;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 8) != 0 ||
      getsockname(listener, (struct sockaddr *)&address, &length) != 0) {
    perror("tcp-board");
    exit(1);
  }
  fcntl(listener, F_SETFL, O_NONBLOCK);
  printf("tcp:127.0.0.1:%u\n", ntohs(address.sin_port));
  fflush(stdout);
  return listener;
}

/* Into the first slot, as a programmer would: without a record. */
static void load(const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL || fread(flash_bytes + 2 * SECTOR_BYTES, 1, (FLASH_BYTES - 2 * SECTOR_BYTES) / 2, file) == 0) {
    perror(path);
    exit(1);
  }
  fclose(file);
}

int main(int count, char **arguments) {
  if (count < 2 || count > 3) {
    fputs("usage: tcp-board PORT [IMAGE]\n", stderr);
    return 2;
  }
  struct mmf_board_options options = {
      .board = "tcp-board",
      .serial = "C-1",
      .firmware = "1",
      .boot_nonce = (uint32_t)time(NULL) ^ (uint32_t)getpid(),
      .limits = {.vocab = MMFREE_MAX_VOCAB_SIZE,
                 .hidden = MMFREE_MAX_HIDDEN_SIZE,
                 .intermediate = MMFREE_MAX_INTERMEDIATE_SIZE,
                 .layers = MMFREE_MAX_LAYERS},
      .now_ms = now_ms,
      .breathe = serve,
  };
  options.memory = calloc(1, mmf_board_bytes(&options.limits));
  flash_bytes = malloc(FLASH_BYTES);
  if (options.memory == NULL || flash_bytes == NULL) return 1;
  memset(flash_bytes, 0xff, FLASH_BYTES);
  if (count == 3) load(arguments[2]);
  const struct mmf_flash flash = {flash_bytes, FLASH_BYTES, SECTOR_BYTES, erase, program, NULL};
  mmf_board_start(&board, &options, &flash, 2);
  const int listener = listen_on((uint16_t)atoi(arguments[1]));
  for (;;) {
    take_connection(listener);
    wait_for(listener, serve_connections());
  }
}
