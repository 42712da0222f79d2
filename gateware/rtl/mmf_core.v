// The core: a token in, the logits out. docs/GATEWARE.md, sections 1 to 5.
//
// i_go (once, after the program and SIGMA are written and the shape is stable) loads w; then o_ready stays high and i_start
// begins a token. i_reset stops it in any state; a token cannot be resumed, and w must be loaded again.
//
// Of an iCE40UP5K, everything below included (BYTES = 1, LANES = 1): 2,640 LUT4, 18 EBR, 4 SPRAM, 6 DSP; mmf_lane 770 of them.
`default_nettype none

module mmf_core #(
    parameter BYTES = 1,
    parameter LANES = 1,
    parameter MAX_HIDDEN = 256,
    parameter MAX_INTERMEDIATE = 768,
    parameter STATE_WORDS = 16384,  // 32-bit numbers: MAX_INTERMEDIATE (v), H (x) and L·H (h)
    parameter VECTOR_WORDS = 32768,  // 16-bit numbers: the section `vectors`
    parameter ADDRESS_BITS = 32  // of the memory behind the port
) (
    input wire i_clock,
    input wire i_reset,

    // From mmf_boot.
    input wire [16:0] i_vocabulary,
    input wire [13:0] i_hidden,
    input wire [13:0] i_intermediate,
    input wire [ 8:0] i_layers,
    input wire [31:0] i_vectors,
    input wire [31:0] i_vectors_bytes,
    input wire [31:0] i_embedding,
    input wire [31:0] i_ternary,
    input wire [31:0] i_ternary_bytes,
    input wire        i_program_write,
    input wire [ 6:0] i_program_index,
    input wire [15:0] i_program_data,
    input wire        i_sigma_write,
    input wire [ 7:0] i_sigma_index,
    input wire [15:0] i_sigma_data,

    // Control.
    input  wire        i_go,
    output wire        o_ready,
    input  wire        i_start,
    input  wire [15:0] i_token,
    input  wire        i_taps,
    input  wire        i_fresh,
    output wire        o_busy,

    // Read port, master.
    output wire               o_request_valid,
    input  wire               i_request_ready,
    output wire [       31:0] o_request_address,
    output wire [       31:0] o_request_bytes,
    input  wire               i_data_valid,
    output wire               o_data_ready,
    input  wire [8*BYTES-1:0] i_data,

    // Logits and taps.
    output wire        o_logit_valid,
    input  wire        i_logit_ready,
    output wire [31:0] o_logit,
    output wire        o_tap_valid,
    input  wire        i_tap_ready,
    output wire [31:0] o_tap,
    output wire        o_tap_last
);

  localparam MAX_VECTOR = MAX_HIDDEN > MAX_INTERMEDIATE ? MAX_HIDDEN : MAX_INTERMEDIATE;
  localparam BYTE_BITS = $clog2(BYTES);
  localparam LANE_BITS = $clog2(LANES);
  localparam WORD_BITS = $clog2(MAX_VECTOR / LANES);
  localparam BEAT_BITS = $clog2(MAX_VECTOR / BYTES);
  localparam HIDDEN_WORD_BITS = $clog2(MAX_HIDDEN / LANES);
  localparam STATE_BITS = $clog2(STATE_WORDS / LANES);
  localparam GAIN_BITS = $clog2(VECTOR_WORDS / LANES);
  localparam PRE_BITS = 1 + (WORD_BITS > HIDDEN_WORD_BITS + 2 ? WORD_BITS : HIDDEN_WORD_BITS + 2);

  wire [13:0] hidden_words = i_hidden >> LANE_BITS;
  wire [13:0] intermediate_words = i_intermediate >> LANE_BITS;

  // --- sequencer --------------------------------------------------------------------------------------------------------
  wire [15:0] instruction;
  wire vector_start;
  wire vector_idle;
  wire matmul_issue;
  wire products_none;
  wire products_full;
  reg fresh_r;
  reg taps_r;

  always @(posedge i_clock) if (i_start) {fresh_r, taps_r} <= {i_fresh, i_taps};

  mmf_sequencer sequencer (
      .i_clock(i_clock),
      .i_reset(i_reset),
      .i_program_write(i_program_write),
      .i_program_index(i_program_index),
      .i_program_data(i_program_data),
      .i_layers(i_layers),
      .i_start(i_start),
      .i_taps(taps_r),
      .o_busy(o_busy),
      .o_instruction(instruction),
      .o_vector_start(vector_start),
      .i_vector_idle(vector_idle),
      .o_matmul_issue(matmul_issue),
      .i_products_none(products_none),
      .i_products_full(products_full)
  );

  // --- reader -----------------------------------------------------------------------------------------------------------
  wire gain_write;
  wire [GAIN_BITS-1:0] gain_index;
  wire [16*LANES-1:0] gain_data;
  wire row_scale_valid;
  wire [15:0] row_scale;
  wire row_scale_take;
  wire row_valid;
  wire [8*LANES-1:0] row;
  wire row_take;
  wire stream_valid;
  wire stream_ready;

  mmf_reader #(
      .BYTES(BYTES),
      .BYTE_BITS(BYTE_BITS),
      .LANES(LANES),
      .LANE_BITS(LANE_BITS),
      .GAIN_BITS(GAIN_BITS),
      .ADDRESS_BITS(ADDRESS_BITS)
  ) reader (
      .i_clock(i_clock),
      .i_reset(i_reset),
      .i_hidden(i_hidden),
      .i_vectors(i_vectors),
      .i_vectors_bytes(i_vectors_bytes),
      .i_embedding(i_embedding),
      .i_ternary(i_ternary),
      .i_ternary_bytes(i_ternary_bytes),
      .i_go(i_go),
      .i_start(i_start),
      .i_token(i_token),
      .o_loaded(o_ready),
      .o_request_valid(o_request_valid),
      .i_request_ready(i_request_ready),
      .o_request_address(o_request_address),
      .o_request_bytes(o_request_bytes),
      .i_data_valid(i_data_valid),
      .o_data_ready(o_data_ready),
      .i_data(i_data),
      .o_gain_write(gain_write),
      .o_gain_index(gain_index),
      .o_gain_data(gain_data),
      .o_row_scale_valid(row_scale_valid),
      .o_row_scale(row_scale),
      .i_row_scale_take(row_scale_take),
      .o_row_valid(row_valid),
      .o_row(row),
      .i_row_take(row_take),
      .o_stream_valid(stream_valid),
      .i_stream_ready(stream_ready)
  );

  // --- vector unit ------------------------------------------------------------------------------------------------------
  wire [15:0] pairs_done;
  wire back_pre_write;
  wire [PRE_BITS-1:0] back_pre_address;
  wire [15:0] back_pre_data;
  wire back_x_read;
  wire back_x_write;
  wire [WORD_BITS-1:0] back_x_word;
  wire [31:0] back_x_data;
  wire [LANES-1:0] back_lane;
  wire [32*LANES-1:0] back_x;
  wire quantised_write;
  wire quantised_buffer;
  wire [WORD_BITS-1:0] quantised_word;
  wire [8*LANES-1:0] quantised;
  wire scale_write;
  wire [14:0] quantised_c;
  wire [5:0] quantised_shift;
  wire quantised_zero;

  mmf_vector #(
      .LANES(LANES),
      .LANE_BITS(LANE_BITS),
      .WORD_BITS(WORD_BITS),
      .HIDDEN_WORD_BITS(HIDDEN_WORD_BITS),
      .STATE_BITS(STATE_BITS),
      .GAIN_BITS(GAIN_BITS),
      .PRE_BITS(PRE_BITS),
      .X_BASE(MAX_INTERMEDIATE / LANES)
  ) vector (
      .i_clock(i_clock),
      .i_reset(i_reset),
      .i_hidden_words(hidden_words),
      .i_intermediate_words(intermediate_words),
      .i_intermediate(i_intermediate),
      .i_start(vector_start),
      .i_instruction(instruction),
      .o_idle(vector_idle),
      .i_fresh(fresh_r),
      .i_products_done(products_none),
      .i_pairs_done(pairs_done),
      .i_gain_write(gain_write),
      .i_gain_index(gain_index),
      .i_gain_data(gain_data),
      .i_sigma_write(i_sigma_write),
      .i_sigma_index(i_sigma_index),
      .i_sigma_data(i_sigma_data),
      .i_row_scale_valid(row_scale_valid),
      .i_row_scale(row_scale),
      .o_row_scale_take(row_scale_take),
      .i_row_valid(row_valid),
      .i_row(row),
      .o_row_take(row_take),
      .o_tap_valid(o_tap_valid),
      .i_tap_ready(i_tap_ready),
      .o_tap(o_tap),
      .o_tap_last(o_tap_last),
      .i_back_pre_write(back_pre_write),
      .i_back_pre_address(back_pre_address),
      .i_back_pre_data(back_pre_data),
      .i_back_x_read(back_x_read),
      .i_back_x_write(back_x_write),
      .i_back_x_word(back_x_word),
      .i_back_x_data(back_x_data),
      .i_back_lane(back_lane),
      .o_back_x(back_x),
      .o_quantised_write(quantised_write),
      .o_quantised_buffer(quantised_buffer),
      .o_quantised_word(quantised_word),
      .o_quantised(quantised),
      .o_scale_write(scale_write),
      .o_c(quantised_c),
      .o_shift(quantised_shift),
      .o_zero(quantised_zero)
  );

  // --- products ---------------------------------------------------------------------------------------------------------
  wire product_start;
  wire product_q;
  wire [13:0] product_beats;
  wire [16:0] product_rows;
  wire product_idle;
  wire q_read;
  // Beats of a vector fit MAX_VECTOR / BYTES.
  // verilator lint_off UNUSEDSIGNAL
  wire [13:0] q_address;
  // verilator lint_on UNUSEDSIGNAL
  wire q_buffer;
  wire [8*BYTES-1:0] q_data;
  wire sum_valid;
  wire sum_ready;
  wire [20:0] sum;
  wire value_valid;
  wire value_ready;
  wire [31:0] value;

  mmf_activations #(
      .BYTES(BYTES),
      .LANES(LANES),
      .WORD_BITS(WORD_BITS),
      .BEAT_BITS(BEAT_BITS)
  ) activations (
      .i_clock(i_clock),
      .i_write(quantised_write),
      .i_write_buffer(quantised_buffer),
      .i_word(quantised_word),
      .i_data(quantised),
      .i_read(q_read),
      .i_read_buffer(q_buffer),
      .i_beat(q_address[BEAT_BITS-1:0]),
      .o_data(q_data)
  );

  // c, shift and zero of q0 and q1. It is read all the time: the first row comes long after the product begins.
  wire [14:0] product_c;
  wire [5:0] product_shift;
  wire product_zero;

  mmf_buffer #(
      .WIDTH(22),
      .ADDRESS_BITS(1)
  ) scales (
      .i_clock(i_clock),
      .i_write(scale_write),
      .i_write_address(quantised_buffer),
      .i_data({quantised_zero, quantised_shift, quantised_c}),
      .i_read(1'b1),
      .i_read_address(product_q),
      .o_data({product_zero, product_shift, product_c})
  );

  mmf_product #(
      .BYTES(BYTES),
      .MAX_COLUMNS(MAX_VECTOR)
  ) product (
      .i_clock(i_clock),
      .i_reset(i_reset),
      .i_start(product_start),
      .i_q(product_q),
      .i_beats(product_beats),
      .i_rows(product_rows),
      .o_idle(product_idle),
      .i_data_valid(stream_valid),
      .o_data_ready(stream_ready),
      .i_data(i_data),
      .o_q_read(q_read),
      .o_q_address(q_address),
      .o_q_buffer(q_buffer),
      .i_q_data(q_data),
      .o_row_valid(sum_valid),
      .i_row_ready(sum_ready),
      .o_row(sum)
  );

  mmf_output #(
      .BYTES(BYTES)
  ) out (
      .i_clock(i_clock),
      .i_reset(i_reset),
      .i_valid(sum_valid),
      .o_ready(sum_ready),
      .i_sum(sum),
      .i_c(product_c),
      .i_shift(product_shift),
      .i_zero(product_zero),
      .o_valid(value_valid),
      .i_ready(value_ready),
      .o_value(value)
  );

  mmf_matmul #(
      .BYTE_BITS(BYTE_BITS),
      .LANES(LANES),
      .LANE_BITS(LANE_BITS),
      .WORD_BITS(WORD_BITS),
      .HIDDEN_WORD_BITS(HIDDEN_WORD_BITS),
      .PRE_BITS(PRE_BITS)
  ) matmul (
      .i_clock(i_clock),
      .i_reset(i_reset),
      .i_vocabulary(i_vocabulary),
      .i_hidden(i_hidden),
      .i_intermediate(i_intermediate),
      .i_issue(matmul_issue),
      .i_q(instruction[9]),
      .i_target(instruction[8:6]),
      .i_long(instruction[0]),
      .o_none(products_none),
      .o_full(products_full),
      .o_start(product_start),
      .o_q(product_q),
      .o_beats(product_beats),
      .o_rows(product_rows),
      .i_idle(product_idle),
      .i_row_valid(value_valid),
      .o_row_ready(value_ready),
      .i_row(value),
      .o_pairs_done(pairs_done),
      .o_pre_write(back_pre_write),
      .o_pre_address(back_pre_address),
      .o_pre_data(back_pre_data),
      .o_x_read(back_x_read),
      .o_x_write(back_x_write),
      .o_x_word(back_x_word),
      .o_x_data(back_x_data),
      .o_lane(back_lane),
      .i_x(back_x),
      .o_logit_valid(o_logit_valid),
      .i_logit_ready(i_logit_ready),
      .o_logit(o_logit)
  );

endmodule
