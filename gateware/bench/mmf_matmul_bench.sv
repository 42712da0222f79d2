// variants: -GLANES=1 -GLANE_BITS=0; -GLANES=4 -GLANE_BITS=2
//
// Where the rows of a product go: saturation to 16 bits, x + row saturated to 31 bits, the addresses of u, and the order of
// two products. Small models never come near the limits of x, so mmf_core_bench does not see them.
`timescale 1ns / 1ps
`default_nettype none

module mmf_matmul_bench;

  parameter LANES = 1;
  parameter LANE_BITS = 0;
  localparam HIDDEN = 16, INTERMEDIATE = 24, VOCABULARY = 37;

  reg clock = 0;
  always #1 clock = !clock;
  reg reset = 1, issue = 0, q = 0, long = 0, idle = 1, row_valid = 0, logit_ready = 0;
  reg [2:0] target = 0;
  reg [31:0] row = 0;
  wire none, full, start, product_q, row_ready, pre_write, x_read, x_write, logit_valid;
  wire [13:0] beats;
  wire [16:0] rows;
  wire [15:0] pairs, pre_data;
  wire [10:0] pre_address;
  wire [9:0] x_word;
  wire [31:0] x_data, logit;
  wire [LANES-1:0] lane;
  reg [32*LANES-1:0] x_out;

  mmf_matmul #(
      .LANES(LANES),
      .LANE_BITS(LANE_BITS),
      .WORD_BITS(10),
      .HIDDEN_WORD_BITS(8),
      .PRE_BITS(11)
  ) dut (
      .i_clock(clock), .i_reset(reset), .i_vocabulary(17'(VOCABULARY)), .i_hidden(14'(HIDDEN)), .i_intermediate(14'(INTERMEDIATE)),
      .i_issue(issue), .i_q(q), .i_target(target), .i_long(long), .o_none(none), .o_full(full),
      .o_start(start), .o_q(product_q), .o_beats(beats), .o_rows(rows), .i_idle(idle), .i_row_valid(row_valid), .o_row_ready(row_ready), .i_row(row),
      .o_pairs_done(pairs), .o_pre_write(pre_write), .o_pre_address(pre_address), .o_pre_data(pre_data),
      .o_x_read(x_read), .o_x_write(x_write), .o_x_word(x_word), .o_x_data(x_data), .o_lane(lane), .i_x(x_out),
      .o_logit_valid(logit_valid), .i_logit_ready(logit_ready), .o_logit(logit)
  );

  int x[HIDDEN];
  int pre[8192];
  int logits[VOCABULARY];
  int logit_count = 0;

  always @(posedge clock) begin
    logit_ready <= $urandom() % 2 == 0;
    for (int k = 0; k < LANES; k++) begin
      if (x_read) x_out[32*k+:32] <= x[x_word*LANES+k];
      if (x_write && lane[k]) x[x_word*LANES+k] = int'(x_data);
      if (pre_write && lane[k]) pre[pre_address*LANES+k] = 32'($signed(pre_data));
    end
    if (logit_valid && logit_ready) begin
      logits[logit_count] = int'(logit);
      logit_count = logit_count + 1;
    end
  end

  task automatic settle();  // to just after the next clock
    @(posedge clock);
    #0.25;
  endtask

  function automatic longint clamp(longint a, int bits);
    longint most = (64'sd1 << (bits - 1)) - 1;
    return a > most ? most : a < -most - 1 ? -most - 1 : a;
  endfunction

  function automatic int draw();  // 31 bits, often at a limit
    case ($urandom() % 16)
      0: return 32767;
      1: return 32768;
      2: return -32768;
      3: return -32769;
      4, 5: return 1073741823;
      6, 7: return -1073741824;
      8: return 536870912;
      default: return $signed($urandom()) >>> (1 + $urandom() % 20);
    endcase
  endfunction

  int values[64];

  // Gives the rows of the product that has begun.
  task automatic give(int which, int count, bit of_q, int columns);
    #0.1;
    while (!start) settle();
    if (int'(rows) != count || int'(beats) != columns || product_q != of_q) $fatal(1, "target %0d: %0d rows, %0d beats", which, rows, beats);
    settle();
    idle = 0;
    for (int r = 0; r < count; r++) begin
      values[r] = draw();
      row = values[r];
      while ($urandom() % 3 == 0) settle();
      row_valid = 1;
      #0.1;
      while (!row_ready) settle();
      settle();
      row_valid = 0;
    end
    idle = 1;
  endtask

  task automatic same(string name, int r, longint got, longint wanted);
    if (got != wanted) $fatal(1, "%s[%0d] is %0d, should be %0d", name, r, got, wanted);
  endtask

  int former[HIDDEN];
  int first, second;
  int limit = 0;
  always @(posedge clock) begin
    limit = limit + 1;
    if (limit > 1000000) $fatal(1, "no end: target %0d, started %0d, row %0d of %0d, start %0d, idle %0d", dut.target_r, dut.started_r, dut.row_r, rows, start, idle);
  end

  task automatic product(int which, bit of_q, bit of_long);
    int count = which == 5 ? VOCABULARY : which == 4 ? 2 * INTERMEDIATE : HIDDEN;
    for (int k = 0; k < HIDDEN; k++) begin
      x[k] = draw();
      former[k] = x[k];
    end
    logit_count = 0;
    give(which, count, of_q, of_long ? INTERMEDIATE : HIDDEN);
    while (dut.started_r && !dut.finished) settle();
    for (int r = 0; r < count; r++)
      case (which)
        3: same("x", r, x[r], clamp(longint'(former[r]) + values[r], 31));
        4: same("u", r, pre[(r/2/LANES*2+r%2)*LANES+r/2%LANES], clamp(values[r], 16));
        5: same("logits", r, logits[r], values[r]);
        default: same("pre", r, pre[(which*256+r/LANES)*LANES+r%LANES], clamp(values[r], 16));
      endcase
    if (which == 4) same("pairs", 0, pairs, INTERMEDIATE);
  endtask

  initial begin
    repeat (3) @(posedge clock);
    #0.25;
    reset = 0;
    for (int round = 0; round < 200; round++) begin
      first = $urandom() % 6;
      second = $urandom() % 6;
      if (!none) $fatal(1, "a product is left");
      idle = 0;  // so that the first does not begin before both are issued
      issue = 1;
      target = 3'(first);
      q = 0;
      long = 1;
      settle();
      target = 3'(second);
      q = 1;
      long = 0;
      settle();
      issue = 0;
      idle = 1;
      if (!full) $fatal(1, "two products do not fill the queue");
      product(first, 0, 1);
      product(second, 1, 0);
      repeat (3) settle();
    end
    $display("PASS");
    $finish(0);
  end

endmodule
