// All 256 bytes. The model counts in base 3 up from the byte 0, digit by digit: no division, no comparison of ranges.
`default_nettype none

module mmf_trits_bench;
  logic clock = 0, enable = 1;
  logic [7:0] value;
  wire [9:0] trits;
  mmf_trits dut (.i_clock(clock), .i_enable(enable), .i_byte(value), .o_trits(trits));

  int digit[5];

  initial begin
    for (int d = 0; d < 5; d++) digit[d] = 0;
    for (int b = 0; b < 256; b++) begin
      value = 8'(b);
      // Two clocks with the byte; then others, while nothing moves.
      enable = 1;
      #1 clock = 1;
      #1 clock = 0;
      value = 8'(b * 7 + 3);
      #1 clock = 1;
      #1 clock = 0;
      enable = 0;
      #1 clock = 1;
      #1 clock = 0;
      for (int d = 0; d < 5; d++) begin
        int got, want;
        got = int'($signed(trits[2*d+:2]));
        want = b > 242 ? 1 : digit[d] - 1;
        if (got != want) $fatal(1, "byte %0d, trit %0d: %0d, expected %0d", b, d, got, want);
      end
      for (int d = 0; d < 5; d++) begin
        digit[d]++;
        if (digit[d] < 3) break;
        digit[d] = 0;
      end
    end
    $display("PASS");
    $finish(0);
  end
endmodule
