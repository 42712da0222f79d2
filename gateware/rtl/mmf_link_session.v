// The session of the smallest board (docs/PROTOCOL.md, section 2): one message at a time in each direction. Decides
// which frame of the host counts, and which frame goes out next. What the messages say is not known here.
//
// State: whether a session is open and its nonce; the sequence numbers expected and sent; for the message that the
// board sends whether it was sent, and whether it must be again; and which frames are owed.
//
// A board acknowledges a message at once. Where the protocol allows 5 ms (a message that came twice) it does so, too.
//
// Cost on iCE40: 190 LUTs with its timers.
`default_nettype none

module mmf_link_session #(
    parameter CLOCK_HZ = 24_000_000
) (
    input wire i_clock,
    input wire i_reset,

    // A frame of the host: mmf_frame_receiver.
    input wire        i_good,
    input wire        i_bad,
    input wire        i_is_data,
    input wire        i_is_ack,
    input wire        i_is_syn,
    input wire        i_is_end,
    input wire        i_is_expected,
    input wire        i_is_behind,
    input wire        i_acknowledges_0,
    input wire        i_acknowledges_1,
    input wire        i_has_window,
    input wire        i_again,
    input wire [31:0] i_nonce,

    output wire o_is_open,
    // The messages: mmf_requests. Pulses: a new session begins; the session is over; the message of this frame is taken;
    // the host has the reply.
    output wire o_opened,
    output wire o_closed,
    output wire o_take,
    output wire o_acknowledged,
    // The buffer is free. Falls with o_take only.
    input  wire i_has_room,
    // There is a reply. Falls with o_acknowledged, o_opened and o_closed only.
    input  wire i_has_reply,
    // A reply may be there within a few clocks: an acknowledgement can ride on it.
    input  wire i_is_deciding,

    // The frame that goes out: mmf_frame_sender. The nonce and the acknowledgement are taken as they are when they go
    // out, the others with o_start.
    input  wire        i_is_idle,
    output wire        o_start,
    output wire        o_after_pause,
    output wire [ 2:0] o_kind,
    output wire        o_again,
    output wire [ 7:0] o_sequence,
    output wire [ 7:0] o_acknowledge,
    output wire [31:0] o_nonce,
    // Pulse: the frame tells the window. And whether the frame that is under way is a message.
    input  wire        i_announces,
    input  wire        i_sends_message
);

  localparam [2:0] DATA = 3'd0;
  localparam [2:0] ACK = 3'd1;
  localparam [2:0] SYN_ACK = 3'd3;
  localparam [2:0] END = 3'd5;

  reg open_r;
  reg [31:0] nonce_r;
  // Of the host's next message, and of the board's one.
  reg [7:0] expected_r, sequence_r;
  reg sent_r, repeat_r;
  // The host has room for a message.
  reg has_window_r;
  // Frames that are owed.
  reg syn_ack_r, end_r, again_r, ack_r;
  // The window that the host was told last.
  reg announced_r;
  // For this expected message AGAIN was sent; it may be once more after 100 ms.
  reg asked_r;

  // What comes.
  wire is_traffic = i_is_data | i_is_ack;
  wire is_syn = i_good & i_is_syn;
  wire is_same = open_r & nonce_r == i_nonce;
  assign o_opened = is_syn & ~is_same;
  wire silent, stuck, keep_alive, again_passed, repeat_due;
  assign o_closed = open_r & (i_good ? i_is_end : silent | stuck);

  wire traffic = i_good & is_traffic & open_r;
  wire is_next = i_acknowledges_1 & sent_r;
  wire is_known = i_acknowledges_0 | is_next;
  assign o_acknowledged = traffic & is_next;

  wire message = traffic & i_is_data;
  assign o_take = message & i_is_expected & i_has_room;
  wire came_twice = message & (i_is_expected ? ~i_has_room : i_is_behind);
  wire is_missing = open_r & i_bad | message & ~i_is_expected & ~i_is_behind;
  wire asks_again = is_missing & (~asked_r | again_passed);
  // With nothing to repeat, the answer may be what got lost.
  wire is_asked = traffic & i_again;
  wire repeats = is_asked & sent_r & ~is_next | repeat_due;

  // What goes.
  wire owes_control = syn_ack_r | end_r;
  wire sends_reply = open_r & i_has_reply & has_window_r & (~sent_r | repeat_r);
  wire owes_ack = open_r & ~i_is_deciding & (ack_r | keep_alive | ~announced_r & i_has_room);
  assign o_start = i_is_idle & (owes_control | open_r & again_r | sends_reply | owes_ack);
  wire starts_message = o_start & ~owes_control & ~again_r & sends_reply;
  wire starts_ack = o_start & ~owes_control & ~starts_message;
  assign o_kind = owes_control ? (syn_ack_r ? SYN_ACK : END) : starts_message ? DATA : ACK;
  assign o_again = again_r & ~owes_control;
  assign o_is_open = open_r;
  assign o_sequence = sequence_r;
  assign o_acknowledge = expected_r;
  assign o_nonce = nonce_r;

  always @(posedge i_clock) begin
    // A later control frame takes the place of an earlier one.
    if (o_start) {syn_ack_r, end_r} <= 2'b00;
    if (i_good & is_traffic & ~open_r) {syn_ack_r, end_r} <= 2'b01;
    if (is_syn) {syn_ack_r, end_r} <= 2'b10;

    if (starts_ack & again_r | o_take) again_r <= 0;
    if (asks_again) again_r <= 1;
    if (o_take) asked_r <= 0;
    if (asks_again) asked_r <= 1;

    if (starts_ack | starts_message) ack_r <= 0;
    if (o_take | came_twice | is_asked & (~sent_r | is_next)) ack_r <= 1;
    if (i_announces) announced_r <= i_has_room;

    if (o_take) expected_r <= expected_r + 1;
    if (o_acknowledged) sequence_r <= sequence_r + 1;
    if (traffic & is_known | is_syn & ~is_same) has_window_r <= i_has_window;

    if (starts_message) {sent_r, repeat_r} <= 2'b10;
    if (repeats) repeat_r <= 1;
    if (o_acknowledged) {sent_r, repeat_r} <= 2'b00;

    if (o_opened) begin
      open_r <= 1;
      nonce_r <= i_nonce;
    end else if (o_closed | i_reset) begin
      open_r <= 0;
    end
    if (o_opened | o_closed | i_reset) begin
      {sent_r, repeat_r, again_r, asked_r, ack_r} <= 0;
      sequence_r <= 0;
      expected_r <= 0;
    end
    if (i_reset) {syn_ack_r, end_r} <= 0;
  end

  mmf_link_timers #(
      .CLOCK_HZ(CLOCK_HZ)
  ) u_timers (
      .i_clock(i_clock),
      .i_reset(i_reset),
      .i_sent(o_start),
      .i_sends_message(i_sends_message),
      .i_heard(i_good),
      .i_again(asks_again),
      .i_unacknowledged(sent_r),
      .o_is_paused(o_after_pause),
      .o_keep_alive(keep_alive),
      .o_again_passed(again_passed),
      .o_silent(silent),
      .o_stuck(stuck),
      .o_repeat(repeat_due)
  );

endmodule

`default_nettype wire
