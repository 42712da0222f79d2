// The link as a program: bytes of the line and simulated time on standard input and output, so that a host in any
// language can talk to the gateware in a time that only moves when told.
//
// A command is a letter, then numbers (u32, little-endian) and bytes:
//
//   H length bytes              what mmf_boot has for HELLO
//   S vocabulary good layers hidden work    shape; 1 if there is an image; clocks a token takes, apart from its results
//   R                           reset of the chip
//   A clocks length bytes       time passes; the bytes arrive from its beginning on, one every PACE clocks
//                               → length, bytes sent meanwhile, bad frames so far, 1 if a session is open, tokens so far
//
// The core is not the real one: logit r of a token is hash(state + r), the number at place k of tap l is
// hash(~state - 4096 l - k), and state becomes hash(state ^ token), from 0 if it is fresh.
// Argument: PACE, clocks a byte of the line takes in each direction (4 if absent).
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <vector>

#include "Vlink_sim.h"
#include "verilated.h"

static uint32_t hash(uint32_t x) {
  x ^= x >> 16;
  x *= 0x21f0aaad;
  x ^= x >> 15;
  x *= 0x735a2d97;
  return x ^ (x >> 15);
}

class Chip {
 public:
  explicit Chip(int pace) : pace_(pace) { reset(); }

  void reset() {
    top_.i_reset = 1;
    clock();
    clock();
    top_.i_reset = 0;
    phase_ = IDLE;
  }

  std::vector<uint8_t> hello;
  uint32_t vocabulary = 2, image_good = 0, layers = 1, hidden = 1, work = 0;

  std::deque<uint8_t> to_board;
  std::vector<uint8_t> to_host;
  uint32_t bad = 0, steps = 0;
  bool is_open() const { return top_.o_is_open; }

  void clock() {
    drive_line();
    drive_core();
    top_.i_hello_ready = !hello.empty();
    top_.i_hello_length = hello.size();
    top_.i_image_good = image_good;
    top_.i_vocabulary = vocabulary;
    top_.i_clock = 0;
    top_.eval();
    if (top_.o_byte_valid && top_.i_byte_ready) {
      to_host.push_back(top_.o_byte);
      out_wait_ = pace_;
    }
    bad += top_.o_bad;
    const uint32_t hello_address = top_.o_hello_address;
    const bool takes_logit = top_.i_logit_valid && top_.o_logit_ready;
    const bool takes_tap = top_.i_tap_valid && top_.o_tap_ready;
    const bool begins = top_.o_step;
    const bool fresh = top_.o_fresh, taps = top_.o_taps;
    const uint32_t token = top_.o_token;
    top_.i_clock = 1;
    top_.eval();
    top_.i_hello_data = hello_address < hello.size() ? hello[hello_address] : 0xee;
    follow_core(begins, token, taps, fresh, takes_tap, takes_logit);
  }

 private:
  enum Phase { IDLE, WORK, TAPS, LOGITS, FINISHED };

  void drive_line() {
    top_.i_byte_valid = 0;
    if (in_wait_ > 0) in_wait_--;
    if (in_wait_ == 0 && !to_board.empty()) {
      top_.i_byte_valid = 1;
      top_.i_byte = to_board.front();
      to_board.pop_front();
      in_wait_ = pace_;
    }
    if (out_wait_ > 0) out_wait_--;
    top_.i_byte_ready = out_wait_ == 0;
  }

  void drive_core() {
    top_.i_core_ready = phase_ == IDLE;
    top_.i_finished = phase_ == FINISHED;
    top_.i_tap_valid = phase_ == TAPS;
    top_.i_tap = hash(~state_ - 4096 * (at_ / hidden) - at_ % hidden);
    top_.i_tap_last = at_ % hidden == hidden - 1;
    top_.i_logit_valid = phase_ == LOGITS;
    top_.i_logit = hash(state_ + at_);
  }

  void follow_core(bool begins, uint32_t token, bool taps, bool fresh, bool takes_tap, bool takes_logit) {
    switch (phase_) {
      case IDLE:
        if (!begins) break;
        steps++;
        state_ = hash((fresh ? 0 : state_) ^ token);
        taps_ = taps;
        left_ = work;
        at_ = 0;
        phase_ = WORK;
        break;
      case WORK:
        if (left_ > 0) left_--;
        else phase_ = taps_ ? TAPS : LOGITS;
        break;
      case TAPS:
        at_ += takes_tap;
        if (at_ == (layers + 1) * hidden) {
          at_ = 0;
          phase_ = LOGITS;
        }
        break;
      case LOGITS:
        at_ += takes_logit;
        if (at_ == vocabulary) phase_ = FINISHED;
        break;
      case FINISHED:
        phase_ = IDLE;
    }
    if (begins && phase_ != WORK) {
      fprintf(stderr, "link_sim: a token begins while the core is not ready\n");
      exit(1);
    }
  }

  Vlink_sim top_;
  int pace_, in_wait_ = 0, out_wait_ = 0;
  Phase phase_ = IDLE;
  uint32_t state_ = 0x55555555, at_ = 0, left_ = 0;
  bool taps_ = false;
};

static bool read_word(uint32_t& word) {
  uint8_t bytes[4];
  if (fread(bytes, 1, 4, stdin) != 4) return false;
  word = bytes[0] | bytes[1] << 8 | bytes[2] << 16 | static_cast<uint32_t>(bytes[3]) << 24;
  return true;
}

static void write_word(uint32_t word) {
  const uint8_t bytes[4] = {uint8_t(word), uint8_t(word >> 8), uint8_t(word >> 16), uint8_t(word >> 24)};
  fwrite(bytes, 1, 4, stdout);
}

static bool read_bytes(std::vector<uint8_t>& bytes) {
  uint32_t length;
  if (!read_word(length)) return false;
  bytes.resize(length);
  return fread(bytes.data(), 1, length, stdin) == length;
}

int main(int argc, char** argv) {
  Verilated::commandArgs(argc, argv);
  const auto chip = std::make_unique<Chip>(argc > 1 ? atoi(argv[1]) : 4);
  std::vector<uint8_t> bytes;
  for (int command; (command = getchar()) != EOF;) {
    uint32_t clocks;
    bool is_whole = true;
    switch (command) {
      case 'H':
        is_whole = read_bytes(chip->hello);
        break;
      case 'S':
        is_whole = read_word(chip->vocabulary) && read_word(chip->image_good) && read_word(chip->layers) &&
                   read_word(chip->hidden) && read_word(chip->work);
        break;
      case 'R':
        chip->reset();
        break;
      case 'A':
        is_whole = read_word(clocks) && read_bytes(bytes);
        if (!is_whole) break;
        chip->to_board.insert(chip->to_board.end(), bytes.begin(), bytes.end());
        for (; clocks > 0; clocks--) chip->clock();
        write_word(chip->to_host.size());
        fwrite(chip->to_host.data(), 1, chip->to_host.size(), stdout);
        chip->to_host.clear();
        write_word(chip->bad);
        write_word(chip->is_open());
        write_word(chip->steps);
        fflush(stdout);
        break;
      default:
        is_whole = false;
    }
    if (!is_whole) {
      fprintf(stderr, "link_sim: the input is not a command\n");
      return 2;
    }
  }
  return 0;
}
