// The smallest board of docs/PROTOCOL.md, section 2, between a line and the core: one session, one message at a time in
// each direction, RESET and STEP. The link is served while the core computes. Bad frames change nothing but o_bad.
//
//   line → mmf_cobs_decoder → mmf_frame_receiver → mmf_link_session ↔ mmf_requests ↔ core
//   line ← mmf_cobs_encoder ←  mmf_frame_sender  ←        ┘                ┘
//
// Bytes come from any kind of line: i_byte_valid at most once a clock; o_byte_valid waits for i_byte_ready.
//
// Cost on iCE40: 900 LUTs with all its modules, 1 EBR; some flip-flops need cells of their own. Placed on an UP5K, link,
// UART and results are about 1,450 logic cells at 31 MHz.
`default_nettype none

module mmf_link #(
    parameter CLOCK_HZ = 24_000_000
) (
    input wire i_clock,
    input wire i_reset,

    // The line. A byte that was lost is an error (pulse), which makes its frame a bad one.
    input  wire       i_byte_valid,
    input  wire       i_byte_error,
    input  wire [7:0] i_byte,
    output wire       o_byte_valid,
    input  wire       i_byte_ready,
    output wire [7:0] o_byte,

    // Pulse for each bad frame, and whether a session is open: for lamps and counters.
    output wire o_bad,
    output wire o_is_open,

    // mmf_boot: HELLO with its length, data one clock after the address; stable when ready.
    input  wire        i_hello_ready,
    input  wire [ 9:0] i_hello_length,
    output wire [ 9:0] o_hello_address,
    input  wire [ 7:0] i_hello_data,
    // Stable when HELLO is ready.
    input  wire        i_image_good,
    input  wire [16:0] i_vocabulary,

    // The core takes a token. o_step is a pulse; the others are stable from there until i_finished (pulse), when all
    // results are in mmf_results.
    input  wire        i_core_ready,
    output wire        o_step,
    output wire [15:0] o_token,
    output wire        o_taps,
    output wire        o_fresh,
    output wire [ 6:0] o_candidates,
    input  wire        i_finished,

    // mmf_results.
    input  wire [ 6:0] i_tap_count,
    input  wire [ 6:0] i_candidate_count,
    output wire [ 7:0] o_results_address,
    input  wire [15:0] i_results_id,
    input  wire [31:0] i_results_word
);

  wire decoded_valid, decoded_end, malformed;
  wire [7:0] decoded;
  mmf_cobs_decoder u_decoder (
      .i_clock(i_clock),
      .i_reset(i_reset),
      .i_valid(i_byte_valid),
      .i_error(i_byte_error),
      .i_data(i_byte),
      .o_valid(decoded_valid),
      .o_data(decoded),
      .o_end(decoded_end),
      .o_malformed(malformed)
  );

  wire good, is_data, is_ack, is_syn, is_end, has_window, again, taps, is_step;
  // Of the board's message, and of the host's next one.
  wire [7:0] frame_sequence, frame_acknowledge;
  wire is_expected, is_behind, acknowledges_0, acknowledges_1;
  wire [7:0] type_of;
  wire [12:0] length;
  wire [31:0] word;
  wire [6:0] candidates;
  mmf_frame_receiver u_receiver (
      .i_clock(i_clock),
      .i_reset(i_reset),
      .i_valid(decoded_valid),
      .i_data(decoded),
      .i_end(decoded_end),
      .i_malformed(malformed),
      .o_good(good),
      .o_bad(o_bad),
      .o_is_data(is_data),
      .o_is_ack(is_ack),
      .o_is_syn(is_syn),
      .o_is_end(is_end),
      .o_type(type_of),
      .i_expected(frame_acknowledge),
      .i_sequence(frame_sequence),
      .o_is_expected(is_expected),
      .o_is_behind(is_behind),
      .o_acknowledges_0(acknowledges_0),
      .o_acknowledges_1(acknowledges_1),
      .o_has_window(has_window),
      .o_again(again),
      .o_length(length),
      .o_word(word),
      .o_taps(taps),
      .o_candidates(candidates),
      .o_is_step(is_step)
  );

  wire opened, closed, take, acknowledged, has_room, has_reply, is_deciding;
  wire sender_idle, start, after_pause, frame_again, announces, sends_message;
  wire [2:0] frame_kind;
  wire [31:0] frame_nonce;
  mmf_link_session #(
      .CLOCK_HZ(CLOCK_HZ)
  ) u_session (
      .i_clock(i_clock),
      .i_reset(i_reset),
      .i_good(good),
      .i_bad(o_bad),
      .i_is_data(is_data),
      .i_is_ack(is_ack),
      .i_is_syn(is_syn),
      .i_is_end(is_end),
      .i_is_expected(is_expected),
      .i_is_behind(is_behind),
      .i_acknowledges_0(acknowledges_0),
      .i_acknowledges_1(acknowledges_1),
      .i_has_window(has_window),
      .i_again(again),
      .i_nonce(word),
      .o_is_open(o_is_open),
      .o_opened(opened),
      .o_closed(closed),
      .o_take(take),
      .o_acknowledged(acknowledged),
      .i_has_room(has_room),
      .i_has_reply(has_reply),
      .i_is_deciding(is_deciding),
      .i_is_idle(sender_idle),
      .o_start(start),
      .o_after_pause(after_pause),
      .o_kind(frame_kind),
      .o_again(frame_again),
      .o_sequence(frame_sequence),
      .o_acknowledge(frame_acknowledge),
      .o_nonce(frame_nonce),
      .i_announces(announces),
      .i_sends_message(sends_message)
  );

  wire [1:0] message;
  wire [2:0] error;
  wire [7:0] request_type;
  wire [31:0] fact;
  wire has_candidates;
  mmf_requests u_requests (
      .i_clock(i_clock),
      .i_reset(i_reset),
      .i_opened(opened),
      .i_closed(closed),
      .i_take(take),
      .i_acknowledged(acknowledged),
      .o_has_room(has_room),
      .o_has_reply(has_reply),
      .o_is_deciding(is_deciding),
      .i_type(type_of),
      .i_length(length),
      .i_word(word),
      .i_taps(taps),
      .i_candidates(candidates),
      .i_is_step(is_step),
      .i_is_idle(sender_idle),
      .o_message(message),
      .o_error(error),
      .o_type(request_type),
      .o_fact(fact),
      .o_has_candidates(has_candidates),
      .i_hello_ready(i_hello_ready),
      .i_image_good(i_image_good),
      .i_vocabulary(i_vocabulary),
      .i_core_ready(i_core_ready),
      .o_step(o_step),
      .o_token(o_token),
      .o_taps(o_taps),
      .o_fresh(o_fresh),
      .o_candidates(o_candidates),
      .i_finished(i_finished)
  );

  mmf_frame_sender u_sender (
      .i_clock(i_clock),
      .i_reset(i_reset),
      .i_start(start),
      .i_after_pause(after_pause),
      .i_kind(frame_kind),
      .i_again(frame_again),
      .i_sequence(frame_sequence),
      .i_message(message),
      .o_idle(sender_idle),
      .i_acknowledge(frame_acknowledge),
      .i_has_room(has_room),
      .i_nonce(frame_nonce),
      .o_announces(announces),
      .o_sends_message(sends_message),
      .i_error(error),
      .i_type(request_type),
      .i_fact(fact),
      .i_vocabulary(i_vocabulary),
      .i_hello_length(i_hello_length),
      .o_hello_address(o_hello_address),
      .i_hello_data(i_hello_data),
      .i_taps(i_tap_count),
      .i_candidates(has_candidates ? i_candidate_count : 7'd0),
      .o_results_address(o_results_address),
      .i_results_id(i_results_id),
      .i_results_word(i_results_word),
      .o_valid(o_byte_valid),
      .i_ready(i_byte_ready),
      .o_data(o_byte)
  );

endmodule

`default_nettype wire
