// variants: -GBYTES=1; -GBYTES=16
// Chance and extreme sums and scales against step H of ARITHMETIC.md in 64-bit integers, with stalls; then the rate.
`default_nettype none

module mmf_output_bench #(
    parameter BYTES = 1,
    parameter SEED = 1
);
  logic clock = 0, reset = 1;
  always #5 clock = !clock;

  logic valid = 0, value_ready = 0, zero = 0;
  logic signed [20:0] sum = 0;
  logic [14:0] c = 0;
  logic [5:0] shift = 0;
  wire ready, value_valid;
  wire signed [31:0] value;

  mmf_output #(.BYTES(BYTES)) dut (
      .i_clock(clock), .i_reset(reset), .i_valid(valid), .o_ready(ready), .i_sum(sum),
      .i_c(c), .i_shift(shift), .i_zero(zero), .o_valid(value_valid), .i_ready(value_ready), .o_value(value));

  // xorshift32: the same numbers in every simulator.
  int unsigned chance_r = SEED * 32'h9e3779b9;
  function automatic int unsigned chance(int unsigned limit);
    chance_r ^= chance_r << 13;
    chance_r ^= chance_r >> 17;
    chance_r ^= chance_r << 5;
    return (chance_r >> 3) % limit;
  endfunction

  // ARITHMETIC.md, sections 1 and 4.
  function automatic longint mul15(longint a, longint b);
    return (a * b + 16384) >>> 15;
  endfunction
  function automatic longint rsh(longint a, int s);
    return s == 0 ? a : (a + (64'sd1 <<< (s - 1))) >>> s;
  endfunction
  function automatic longint sat_31(longint a);
    return a < -64'sd1073741824 ? -64'sd1073741824 : a > 64'sd1073741823 ? 64'sd1073741823 : a;
  endfunction

  int sums[10] = '{0, 1, -1, 1040384, -1040384, 1048575, -1048576, 31, -32, 524288};
  int scales[5] = '{16384, 32767, 16385, 24576, 21845};
  longint expected[$];
  int clocks = 0, values = 0, in_stall = 0, out_stall = 0;
  bit waited = 0, sending = 0, taken = 0;
  logic [31:0] waiting;

  always @(posedge clock) begin
    clocks <= clocks + 1;
    taken = valid && ready;
    if (!reset && taken) expected.push_back(zero ? 0 : sat_31(rsh(mul15(longint'(sum) <<< 11, longint'(c)), int'(shift))));
    if (waited && (!value_valid || value != waiting)) $fatal(1, "value changed while it waited");
    waited = !reset && value_valid && !value_ready;
    waiting = value;
    if (!reset && value_valid && value_ready) begin
      if (expected.size() == 0) $fatal(1, "value too early");
      if (longint'(value) != expected[0])
        $fatal(1, "value %0d, expected %0d (c %0d, shift %0d)", value, expected[0], c, shift);
      void'(expected.pop_front());
      values++;
    end
  end

  always @(negedge clock) begin
    if (!valid || taken) begin
      valid = sending && chance(100) >= in_stall;
      case (chance(4))
        0: sum = 21'(sums[chance(10)]);
        1: sum = 21'(int'(chance(2000)) - 1000);
        default: sum = 21'(chance(2097152));
      endcase
    end
    value_ready = chance(100) >= out_stall;
  end

  // `count` rows or a few more with one scale; returns the clocks they took.
  task automatic rows(int count, int scale, int by, bit is_zero, output int took);
    int begun, limit, last;
    c = 15'(scale); shift = 6'(by); zero = is_zero;
    begun = clocks;
    last = values + count;
    limit = clocks + 2000 * count;
    sending = 1;
    while (values < last) begin
      @(negedge clock);
      if (clocks > limit) $fatal(1, "no values");
    end
    took = clocks - begun;
    sending = 0;
    while (valid || expected.size() != 0) begin
      @(negedge clock);
      if (clocks > limit) $fatal(1, "sum not taken, or its value does not come");
    end
  endtask

  int took;
  initial begin
    repeat (3) @(negedge clock);
    reset = 0;
    for (int by = 0; by <= 32; by++)
      for (int n = 0; n < 12; n++) begin
        in_stall = n % 3 == 0 ? 0 : 50;
        out_stall = n % 4 == 0 ? 0 : 50;
        rows(40, n < 5 ? scales[n] : 16384 + int'(chance(16384)), by, chance(8) == 0, took);
      end

    // A reset forgets the row under way.
    for (int n = 0; n < 20; n++) begin
      @(negedge clock);
      sending = 1;
      repeat (chance(12)) @(negedge clock);
      sending = 0;
      reset = 1;
      repeat (2) @(negedge clock);
      valid = 0;
      expected.delete();
      reset = 0;
      rows(5, 16384 + int'(chance(16384)), int'(chance(33)), 0, took);
    end

    // The rate that the head comment promises.
    in_stall = 0;
    out_stall = 0;
    for (int by = 0; by <= 32; by++) begin
      rows(100, 20000, by, 0, took);
      if (took > (BYTES <= 2 ? 100 * (5 + by) + 2 : 106)) $fatal(1, "shift %0d: 100 rows in %0d clocks", by, took);
    end
    $display("PASS");
    $finish(0);
  end
endmodule
