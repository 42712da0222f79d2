// mmf_link with mmf_results, to be driven by link_sim.cpp: the line, HELLO and the core are there.
`default_nettype none

module link_sim #(
    parameter CLOCK_HZ = 1_000_000,
    parameter CRC_BYTES = 1
) (
    input wire i_clock,
    input wire i_reset,

    input  wire       i_byte_valid,
    input  wire       i_byte_error,
    input  wire [7:0] i_byte,
    output wire       o_byte_valid,
    input  wire       i_byte_ready,
    output wire [7:0] o_byte,
    output wire       o_bad,
    output wire       o_is_open,

    input  wire        i_hello_ready,
    input  wire [ 9:0] i_hello_length,
    output wire [ 9:0] o_hello_address,
    input  wire [ 7:0] i_hello_data,
    input  wire        i_image_good,
    input  wire [16:0] i_vocabulary,

    input  wire        i_core_ready,
    output wire        o_step,
    output wire [15:0] o_token,
    output wire        o_taps,
    output wire        o_fresh,
    input  wire        i_finished,

    input  wire        i_logit_valid,
    output wire        o_logit_ready,
    input  wire [31:0] i_logit,
    input  wire        i_tap_valid,
    output wire        o_tap_ready,
    input  wire [31:0] i_tap,
    input  wire        i_tap_last
);

  wire [6:0] candidates, candidate_count, tap_count;
  wire [ 7:0] address;
  wire [15:0] id;
  wire [31:0] word;

  mmf_link #(
      .CLOCK_HZ(CLOCK_HZ)
  ) u_link (
      .i_clock(i_clock),
      .i_reset(i_reset),
      .i_byte_valid(i_byte_valid),
      .i_byte_error(i_byte_error),
      .i_byte(i_byte),
      .o_byte_valid(o_byte_valid),
      .i_byte_ready(i_byte_ready),
      .o_byte(o_byte),
      .o_bad(o_bad),
      .o_is_open(o_is_open),
      .i_hello_ready(i_hello_ready),
      .i_hello_length(i_hello_length),
      .o_hello_address(o_hello_address),
      .i_hello_data(i_hello_data),
      .i_image_good(i_image_good),
      .i_vocabulary(i_vocabulary),
      .i_core_ready(i_core_ready),
      .o_step(o_step),
      .o_token(o_token),
      .o_taps(o_taps),
      .o_fresh(o_fresh),
      .o_candidates(candidates),
      .i_finished(i_finished),
      .i_tap_count(tap_count),
      .i_candidate_count(candidate_count),
      .o_results_address(address),
      .i_results_id(id),
      .i_results_word(word)
  );

  mmf_results #(
      .CRC_BYTES(CRC_BYTES)
  ) u_results (
      .i_clock(i_clock),
      .i_reset(i_reset),
      .i_begin(o_step),
      .i_candidates(candidates),
      .i_finished(i_finished),
      .i_logit_valid(i_logit_valid),
      .o_logit_ready(o_logit_ready),
      .i_logit(i_logit),
      .i_tap_valid(i_tap_valid),
      .o_tap_ready(o_tap_ready),
      .i_tap(i_tap),
      .i_tap_last(i_tap_last),
      .o_count(candidate_count),
      .o_taps(tap_count),
      .i_address(address),
      .o_id(id),
      .o_word(word)
  );

endmodule

`default_nettype wire
