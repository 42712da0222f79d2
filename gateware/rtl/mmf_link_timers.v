// The clocks of a session (docs/PROTOCOL.md, section 2). They count ticks of 0.1, 10 and 100 ms that nobody restarts, so
// what must not be early is late by up to one tick, and what must not be late early.
//
// | output         | is high                                                                                |
// | -------------- | -------------------------------------------------------------------------------------- |
// | o_is_paused    | nothing was sent for 10 to 20 ms (or more)                                             |
// | o_keep_alive   | nothing was sent for 900 to 1,000 ms                                                   |
// | o_again_passed | since i_again 100 to 110 ms                                                            |
// | o_silent       | no good frame for 5,000 to 5,100 ms                                                    |
// | o_stuck        | a message is unacknowledged for 5,000 to 5,100 ms                                      |
// | o_repeat       | repeat time: 100 ms, doubled by each o_repeat up to 1,600, and 0.1 ms for each byte    |
`default_nettype none

module mmf_link_timers #(
    parameter CLOCK_HZ = 24_000_000
) (
    input wire i_clock,
    input wire i_reset,

    // Pulses: a frame goes out; one of them is a message; a byte of a message goes out; a good frame came; AGAIN goes out.
    input wire i_sent,
    input wire i_message,
    input wire i_message_byte,
    input wire i_heard,
    input wire i_again,
    // A message was sent and is not acknowledged.
    input wire i_unacknowledged,

    output wire o_is_paused,
    output wire o_keep_alive,
    output wire o_again_passed,
    output wire o_silent,
    output wire o_stuck,
    // Pulse.
    output wire o_repeat
);

  localparam [31:0] CLOCKS = CLOCK_HZ / 10_000;
  localparam WIDTH = $clog2(CLOCKS);
  localparam [31:0] LAST = CLOCKS - 1;

  reg [WIDTH-1:0] clocks_r;
  reg [6:0] tenths_r;
  reg [3:0] tens_r;
  wire tick_tenth = clocks_r == 0;
  wire tick_10 = tick_tenth & tenths_r == 0;
  wire tick_100 = tick_10 & tens_r == 0;
  always @(posedge i_clock) begin
    clocks_r <= tick_tenth ? LAST[WIDTH-1:0] : clocks_r - 1;
    if (tick_tenth) tenths_r <= tick_10 ? 7'd99 : tenths_r - 1;
    if (tick_10) tens_r <= tick_100 ? 4'd9 : tens_r - 1;
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

  // 125, 250 … 2,000 times 0.8 ms.
  reg [10:0] interval_r;
  // In 0.1 ms. The bytes of a message count as they go out.
  reg [14:0] repeat_r;
  assign o_repeat = i_unacknowledged & repeat_r == 0 & tick_tenth;
  always @(posedge i_clock) begin
    if (i_message_byte & ~tick_tenth) repeat_r <= repeat_r + 1;
    if (tick_tenth & ~i_message_byte) repeat_r <= repeat_r - 1;
    if (o_repeat & ~interval_r[10]) interval_r <= {interval_r[9:0], 1'b0};
    if (o_repeat) repeat_r <= {1'b0, interval_r[9:0], 4'd0};
    if (o_repeat & interval_r[10]) repeat_r <= {1'b0, interval_r, 3'd0};
    if (i_message) repeat_r <= {1'b0, interval_r, 3'd0};
    if (~i_unacknowledged & ~i_message) interval_r <= 11'd125;
  end

endmodule

`default_nettype wire
