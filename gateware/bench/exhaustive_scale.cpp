// mmf_scale beyond its quick bench: every divisor and ten million roots. From the folder gateware:
//
//   verilator --cc --exe --build -O3 -CFLAGS -O2 -Irtl --Mdir build/exhaustive_scale $PWD/bench/exhaustive_scale.cpp \
//     rtl/mmf_scale.v && build/exhaustive_scale/Vmmf_scale [ROOTS, 10000000]
//
// 1. Job 1: all 2^14 values of a, at every d from −14 to 15 that can have them: the division is exhausted, since R
//    depends on a only, and a on the 15 highest bits of M.
// 2. Job 0: for all 2^14 roots r the least S' = r² and the greatest, r² + 2r, at s = 0, and that many chance S of
//    29 … 45 bits: ρ depends on r only, so its division is exhausted too.
// 3. Job 2: every a with a chance ρ and mm, at chance exponents.
//
// Why the ends of each interval say much of the root: the loop keeps root² ≤ prefix of S' < (root + 1)² after each digit;
// both of its decisions, at the least distance from the border, occur at r² and r² + 2r for every r.
//
// 25 November 2026, verilator 5.006: PASS 10589824 jobs, 387081938 clocks, 20 s of one core.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "Vmmf_scale.h"
#include "verilated.h"

static Vmmf_scale *dut;
static uint64_t clocks = 0, jobs = 0;
static uint64_t chanceState = 0x9e3779b97f4a7c15u;

static uint64_t chance() {  // xorshift64
  chanceState ^= chanceState << 13;
  chanceState ^= chanceState >> 7;
  chanceState ^= chanceState << 17;
  return chanceState;
}

static void tick() {
  dut->i_clock = 0;
  dut->eval();
  dut->i_clock = 1;
  dut->eval();
  clocks++;
}

static void run(int job, int limit) {
  dut->i_job = job;
  dut->i_start = 1;
  tick();
  dut->i_start = 0;
  for (int n = 1; !dut->o_done; n++) {
    if (n > limit) {
      printf("job %d takes more than %d clocks\n", job, limit);
      exit(1);
    }
    tick();
  }
  jobs++;
}

static int bits(uint64_t value) { return value == 0 ? 0 : 64 - __builtin_clzll(value); }
static int signed5(int value) { return (value ^ 16) - 16; }

static void expect(const char *what, uint64_t input, int64_t got, int64_t want) {
  if (got == want) return;
  printf("%s of %llu: %lld, expected %lld\n", what, (unsigned long long)input, (long long)got, (long long)want);
  exit(1);
}

static int modelS, modelD;
static uint64_t modelRho, modelA;

static void squares(uint64_t value) {
  dut->i_squares = value;
  run(0, 55);
  modelS = (bits(value) - 29) >> 1;
  uint64_t scaled = modelS >= 0 ? value >> (2 * modelS) : value << (-2 * modelS);
  uint64_t root = (uint64_t)std::sqrt((double)scaled);  // exact: scaled < 2^30; made sure of here
  if (root * root > scaled || (root + 1) * (root + 1) <= scaled) abort();
  modelRho = ((1u << 29) - 1) / root;
  expect("s", value, signed5(dut->o_s), modelS);
  expect("rho", value, dut->o_rho, modelRho);
}

static void maximum(uint64_t value) {
  dut->i_maximum = value;
  run(1, 40);
  modelD = bits(value) - 15;
  modelA = modelD >= 0 ? value >> modelD : value << -modelD;
  expect("d", value, signed5(dut->o_d), modelD);
  expect("a", value, dut->o_a, modelA);
  expect("R", value, dut->o_r, (127ull << 22) / modelA);
}

static int norm15(uint64_t &p) {
  int b = bits(p) - 15;
  p = ((p >> (b - 1)) + 1) >> 1;
  if (p == 32768) {
    p = 16384;
    b++;
  }
  return b;
}

static void scale(uint32_t mantissa, int exponent) {
  dut->i_mm = mantissa;
  dut->i_em = exponent & 127;
  run(2, 5);
  uint64_t c = modelA * modelRho;
  int x = modelD - 29 - modelS;
  x += norm15(c);
  c *= mantissa;
  x += exponent;
  x += norm15(c);
  if (-x < 4) {
    c = 32767;
    x = -4;
  }
  expect("c", mantissa, dut->o_c, c);
  expect("shift", mantissa, dut->o_shift, -x - 4 < 32 ? -x - 4 : 32);
}

int main(int count, char **arguments) {
  uint64_t roots = count > 1 ? strtoull(arguments[1], nullptr, 10) : 10000000;
  auto model = std::make_unique<Vmmf_scale>();
  dut = model.get();
  dut->i_reset = 1;
  dut->i_start = 0;
  tick();
  dut->i_reset = 0;

  squares(1u << 28);
  for (uint64_t a = 1 << 14; a < 1 << 15; a++)
    for (int d = -14; d <= 15; d++) {
      if (d < 0 && (a & ((1u << -d) - 1)) != 0) continue;
      maximum(d < 0 ? a >> -d : a << d | (chance() & ((1u << d) - 1)));
    }
  printf("divisions: all a, %llu jobs\n", (unsigned long long)jobs);

  for (uint64_t root = 1 << 14; root < 1 << 15; root++) {
    squares(root * root);
    squares(root * root + 2 * root);
  }
  uint64_t before = jobs;
  for (uint64_t n = 0; n < roots; n++) {
    int width = 29 + chance() % 17;
    squares((chance() & ((1ull << (width - 1)) - 1)) | 1ull << (width - 1));
  }
  printf("roots: %llu by chance, and both ends of all 16384\n", (unsigned long long)(jobs - before));

  before = jobs;
  for (uint64_t a = 1 << 14; a < 1 << 15; a++) {
    squares((chance() & ((1ull << 44) - 1)) | 1ull << 28);
    for (int n = 0; n < 8; n++) {
      maximum(a << (chance() % 16));
      scale((1 << 14) + chance() % (1 << 14), (int)(chance() % 89) - 64);
    }
  }
  printf("scales: %llu\n", (unsigned long long)(16384 * 8));
  printf("PASS %llu jobs, %llu clocks\n", (unsigned long long)jobs, (unsigned long long)clocks);
  model->final();
}
