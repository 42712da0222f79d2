// The clocks of a session (docs/PROTOCOL.md, section 2). They count ticks of 10 and 100 ms that nobody restarts, so what
// must not be early is late by up to one tick, and what must not be late early.
//
// The repeat time runs from the end of the message's last byte. The protocol lets it run from the first one and adds
// 0.1 ms for each byte, because a sender does not see how long its line is busy; here it does.
//
// | output         | is high                                                                                |
// | -------------- | -------------------------------------------------------------------------------------- |
// | o_is_paused    | nothing was sent for 10 to 20 ms (or more)                                             |
// | o_keep_alive   | nothing was sent for 900 to 1,000 ms                                                   |
// | o_again_passed | since i_again 100 to 110 ms                                                            |
// | o_silent       | no good frame for 5,000 to 5,100 ms                                                    |
// | o_stuck        | a message is unacknowledged for 5,000 to 5,100 ms                                      |
// | o_repeat       | pulse: the repeat time is over, 100 to 110 ms, doubled by each o_repeat up to 1,600    |
//
// Cost on iCE40: 100 LUTs.
`default_nettype none

module mmf_link_timers #(
    parameter CLOCK_HZ = 24_000_000
) (
    input wire i_clock,
    input wire i_reset,

    // Pulses: a frame goes out; a good frame came; AGAIN goes out.
    input wire i_sent,
    input wire i_heard,
    input wire i_again,
    // A message is going out.
    input wire i_sends_message,
    // A message was sent and is not acknowledged.
    input wire i_unacknowledged,

    output wire o_is_paused,
    output wire o_keep_alive,
    output wire o_again_passed,
    output wire o_silent,
    output wire o_stuck,
    output wire o_repeat
);

  // A tick begins one clock after its counter is at its end: one long carry chain would be the slowest path of the link.
  localparam [31:0] CLOCKS = CLOCK_HZ / 10_000;
  localparam WIDTH = $clog2(CLOCKS);
  localparam [31:0] LAST = CLOCKS - 1;

  reg [WIDTH-1:0] clocks_r;
  reg [6:0] tenths_r;
  reg [3:0] tens_r;
  reg tick_tenth_r, tick_10_r, tick_100_r;
  wire tick_10 = tick_10_r;
  wire tick_100 = tick_100_r;
  wire tenth_ends = clocks_r == 0;
  wire ten_ends = tick_tenth_r & tenths_r == 0;
  wire hundred_ends = tick_10_r & tens_r == 0;
  always @(posedge i_clock) begin
    {tick_tenth_r, tick_10_r, tick_100_r} <= {tenth_ends, ten_ends, hundred_ends};
    clocks_r <= tenth_ends ? LAST[WIDTH-1:0] : clocks_r - 1;
    if (tick_tenth_r) tenths_r <= ten_ends ? 7'd99 : tenths_r - 1;
    if (tick_10_r) tens_r <= hundred_ends ? 4'd9 : tens_r - 1;
    if (i_reset) begin
      clocks_r <= 0;
      tenths_r <= 0;
      tens_r   <= 0;
    end
  end

  // Each stops at its end. After a reset the line has paused, and AGAIN may go out.
  reg [1:0] pause_r;
  reg [3:0] idle_r, again_r;
  reg [5:0] silence_r, stuck_r;
  assign o_is_paused = pause_r[1];
  assign o_keep_alive = idle_r == 10;
  assign o_again_passed = again_r == 11;
  assign o_silent = silence_r == 51;
  assign o_stuck = stuck_r == 51;
  always @(posedge i_clock) begin
    if (tick_10 & ~o_is_paused) pause_r <= pause_r + 1;
    if (tick_10 & ~o_again_passed) again_r <= again_r + 1;
    if (tick_100 & ~o_keep_alive) idle_r <= idle_r + 1;
    if (tick_100 & ~o_silent) silence_r <= silence_r + 1;
    if (tick_100 & ~o_stuck) stuck_r <= stuck_r + 1;
    if (i_sent) begin
      pause_r <= 0;
      idle_r  <= 0;
    end
    if (i_again) again_r <= 0;
    if (i_heard) silence_r <= 0;
    if (~i_unacknowledged) stuck_r <= 0;
    if (i_reset) begin
      pause_r <= 2'd2;
      again_r <= 4'd11;
    end
  end

  // 10, 20 … 160 ticks.
  reg [7:0] interval_r;
  reg [7:0] repeat_r;
  wire is_longest = interval_r[7];
  assign o_repeat = i_unacknowledged & tick_10 & repeat_r == 0;
  wire [7:0] next_interval = o_repeat & ~is_longest ? {interval_r[6:0], 1'b0} : interval_r;
  always @(posedge i_clock) begin
    interval_r <= i_unacknowledged ? next_interval : 8'd10;
    if (i_sends_message | o_repeat) repeat_r <= next_interval;
    else if (tick_10) repeat_r <= repeat_r - 1;
  end

endmodule

`default_nettype wire
