// A whole chip under Verilator, with the pins of its UART joined to standard input and output.
//
//   mmf_sim [+image=FILE] [--stats FILE] [--vcd FILE [--sample N/M]]
//
// The chip is told a clock that a computer can simulate (CLOCK_HZ, the Makefile's), so that its timers and the host's
// are about the same seconds: while it computes or talks it runs as fast as it can, but at most FASTEST times that clock,
// or the second between two signs of life of the host would be longer than the five after which the chip gives it up;
// else it runs at that clock. When the host has been silent for longer than any session lives, the clock stops until the
// next byte.
//
// --stats writes a line of JSON for each token: clocks, beats of the read port, and both by the instruction that the
// sequencer was at. --sample writes the waveform of N clocks out of M, and only while a token is computed: enough to
// count how often signals change, where a whole token would fill a disk. It ends when standard input does.
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fcntl.h>
#include <memory>
#include <poll.h>
#include <string>
#include <unistd.h>

#include "Vtop.h"
#include "verilated.h"
#if VM_TRACE
#include "verilated_vcd_c.h"
#endif

namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned RESET_CLOCKS = 8;
// Bytes from the host that are taken in advance.
constexpr size_t INPUT_BYTES = 4096;
constexpr auto SILENCE = std::chrono::seconds(10);
constexpr unsigned SLICE_CLOCKS = CLOCK_HZ / 500;
constexpr auto SLICE = std::chrono::nanoseconds(1'000'000'000ull * SLICE_CLOCKS / CLOCK_HZ);
constexpr int FASTEST = 3;

// The host's transmitter: 8N1, least significant bit first.
class Transmitter {
public:
    std::deque<uint8_t> queue;
    bool busy() const { return bits_ != 0 || !queue.empty(); }
    // The level of the line in the next clock.
    bool clock() {
        if (bits_ == 0 && !queue.empty()) {
            frame_ = 0x200u | (queue.front() << 1);
            queue.pop_front();
            bits_ = 10;
            left_ = CLOCKS_PER_BIT;
        }
        if (bits_ == 0) return true;
        const bool level = frame_ & 1;
        if (--left_ == 0) {
            frame_ >>= 1;
            bits_--;
            left_ = CLOCKS_PER_BIT;
        }
        return level;
    }

private:
    unsigned frame_ = 0, bits_ = 0, left_ = 0;
};

// The host's receiver: samples in the middle of a bit.
class Receiver {
public:
    std::string bytes;
    unsigned framing_errors = 0;
    bool busy() const { return bits_ != 0; }
    void clock(bool level) {
        if (bits_ == 0) {
            if (level) return;
            bits_ = 10;
            left_ = CLOCKS_PER_BIT / 2;
        }
        if (--left_ != 0) return;
        left_ = CLOCKS_PER_BIT;
        if (bits_ == 10 && level) {
            bits_ = 0;  // a glitch
            return;
        }
        if (bits_ == 1) {
            if (level) bytes.push_back(static_cast<char>(value_));
            else framing_errors++;
        } else {
            value_ = (value_ >> 1) | (level ? 0x80 : 0);
        }
        bits_--;
    }

private:
    unsigned bits_ = 0, left_ = 0;
    uint8_t value_ = 0;
};

// Where the clocks of a token went.
class Statistics {
public:
    explicit Statistics(const char *path) : file_(path == nullptr ? nullptr : fopen(path, "w")) {
        if (path != nullptr && file_ == nullptr) {
            fprintf(stderr, "mmf_sim: cannot write %s: %s\n", path, strerror(errno));
            exit(2);
        }
    }
    void clock(bool computing, unsigned instruction, bool beat) {
        if (computing) {
            clocks_++;
            beats_ += beat;
            at_[instruction].clocks++;
            at_[instruction].beats += beat;
        } else if (clocks_ != 0) {
            end();
        }
    }

private:
    struct Count {
        uint64_t clocks, beats;
    };
    void end() {
        if (file_ != nullptr) {
            fprintf(file_, "{\"token\":%u,\"clocks\":%llu,\"beats\":%llu,\"instructions\":[", tokens_,
                    static_cast<unsigned long long>(clocks_), static_cast<unsigned long long>(beats_));
            const char *comma = "";
            for (unsigned pc = 0; pc < 128; pc++) {
                if (at_[pc].clocks == 0) continue;
                fprintf(file_, "%s[%u,%llu,%llu]", comma, pc, static_cast<unsigned long long>(at_[pc].clocks),
                        static_cast<unsigned long long>(at_[pc].beats));
                comma = ",";
            }
            fprintf(file_, "]}\n");
            fflush(file_);
        }
        tokens_++;
        clocks_ = beats_ = 0;
        memset(at_, 0, sizeof at_);
    }
    FILE *file_;
    unsigned tokens_ = 0;
    uint64_t clocks_ = 0, beats_ = 0;
    Count at_[128] = {};
};

class Simulation {
public:
    Simulation(VerilatedContext &context, const char *stats, const char *vcd, uint64_t sample, uint64_t of)
        : context_(context), top_(&context), statistics_(stats), sample_(sample), of_(of) {
#if VM_TRACE
        if (vcd != nullptr) {
            context.traceEverOn(true);
            top_.trace(&trace_, 99);
            trace_.open(vcd);
            tracing_ = true;
        }
#else
        if (vcd != nullptr) {
            fprintf(stderr, "mmf_sim: built without --vcd; build it with TRACE=1\n");
            exit(2);
        }
#endif
        top_.i_uart_rx = 1;
        top_.i_reset = 1;
        for (unsigned i = 0; i < RESET_CLOCKS; i++) edges();
        top_.i_reset = 0;
    }
    ~Simulation() {
        top_.final();
#if VM_TRACE
        if (tracing_) trace_.close();
#endif
    }

    // Runs until there is no more input and all is said.
    void run() {
        auto due = Clock::now();
        auto heard = due;
        while (!context_.gotFinish()) {
            bool active = false;
            for (unsigned i = 0; i < SLICE_CLOCKS; i++) {
                clock();
                active |= top_.o_busy || transmitter_.busy() || receiver_.busy();
            }
            write_output();
            const auto now = Clock::now();
            due += active ? SLICE / FASTEST : SLICE;
            if (due + std::chrono::milliseconds(50) < now) due = now;
            const bool asleep = !active && now - heard > SILENCE;
            const int wait_ms =
                asleep ? -1
                       : static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(due - now).count());
            if (ended_ && !active) return;
            if (read_input(wait_ms > 0 || asleep ? wait_ms : 0)) {
                heard = Clock::now();
                due = heard;
            }
        }
    }

private:
    void clock() {
        top_.i_uart_rx = transmitter_.clock();
        edges();
        receiver_.clock(top_.o_uart_tx);
        statistics_.clock(top_.o_computing, top_.o_instruction & 127, top_.o_beat);
    }
    void edges() {
        top_.i_clock = 0;
        eval();
        top_.i_clock = 1;
        eval();
    }
    void eval() {
        top_.eval();
        context_.timeInc(1);
#if VM_TRACE
        if (tracing_ && (of_ == 0 || (top_.o_computing && context_.time() / 2 % of_ < sample_)))
            trace_.dump(context_.time());
#endif
    }
    // Whether there was any.
    bool read_input(int wait_ms) {
        if (ended_ || transmitter_.queue.size() >= INPUT_BYTES) return false;
        pollfd input = {STDIN_FILENO, POLLIN, 0};
        if (poll(&input, 1, wait_ms) <= 0) return false;
        uint8_t bytes[INPUT_BYTES];
        const ssize_t count = read(STDIN_FILENO, bytes, sizeof bytes);
        if (count <= 0) {
            ended_ = count == 0 || errno != EINTR;
            return false;
        }
        transmitter_.queue.insert(transmitter_.queue.end(), bytes, bytes + count);
        return true;
    }
    void write_output() {
        const char *at = receiver_.bytes.data();
        size_t left = receiver_.bytes.size();
        while (left > 0) {
            const ssize_t count = write(STDOUT_FILENO, at, left);
            if (count < 0 && errno == EINTR) continue;
            if (count <= 0) exit(0);  // nobody listens any more
            at += count;
            left -= static_cast<size_t>(count);
        }
        receiver_.bytes.clear();
    }

    VerilatedContext &context_;
    Vtop top_;
    Statistics statistics_;
    Transmitter transmitter_;
    Receiver receiver_;
    bool ended_ = false;
    uint64_t sample_, of_;
#if VM_TRACE
    VerilatedVcdC trace_;
    bool tracing_ = false;
#endif
};

}  // namespace

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN);
    const char *stats = nullptr, *vcd = nullptr, *sample = nullptr;
    for (int i = 1; i < argc; i++) {
        const char **value = strcmp(argv[i], "--stats") == 0    ? &stats
                             : strcmp(argv[i], "--vcd") == 0    ? &vcd
                             : strcmp(argv[i], "--sample") == 0 ? &sample
                                                                : nullptr;
        if (value != nullptr && i + 1 < argc) {
            *value = argv[++i];
        } else if (argv[i][0] != '+') {
            fprintf(stderr, "usage: mmf_sim [+image=FILE] [--stats FILE] [--vcd FILE [--sample N/M]]\n");
            return 2;
        }
    }
    unsigned long long part = 0, of = 0;
    if (sample != nullptr && (sscanf(sample, "%llu/%llu", &part, &of) != 2 || of == 0)) {
        fprintf(stderr, "mmf_sim: --sample is %s; it must be like 64/20000\n", sample);
        return 2;
    }
    VerilatedContext context;
    context.commandArgs(argc, argv);
    Simulation simulation(context, stats, vcd, part, of);
    simulation.run();
    return 0;
}
