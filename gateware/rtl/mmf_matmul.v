// MATMUL: a queue of two products, and where the rows go. The product that runs writes rows of i, f, g and u as they come,
// adds rows to x (two clocks a row), or hands logits out. The next one starts when the last row is written.
`default_nettype none

module mmf_matmul #(
    parameter BYTE_BITS = 0,  // log2 of the port's width in bytes
    parameter LANES = 1,
    parameter LANE_BITS = 0,  // log2 LANES
    parameter WORD_BITS = 10,
    parameter HIDDEN_WORD_BITS = 8,
    parameter PRE_BITS = 11
) (
    input wire i_clock,
    input wire i_reset,

    input wire [16:0] i_vocabulary,
    input wire [13:0] i_hidden,
    input wire [13:0] i_intermediate,

    // Operands of an instruction, while fewer than two products are unfinished.
    input  wire       i_issue,
    input  wire       i_q,
    input  wire [2:0] i_target,
    input  wire       i_long,
    output wire       o_none,     // no product is unfinished
    output wire       o_full,     // two are

    // To mmf_product and mmf_output.
    output wire        o_start,
    output wire        o_q,
    output wire [13:0] o_beats,
    output wire [16:0] o_rows,
    input  wire        i_idle,
    input  wire        i_row_valid,
    output wire        o_row_ready,
    input  wire [31:0] i_row,        // saturated to 31 bits

    // For GLU: pairs of rows that are written.
    output wire [15:0] o_pairs_done,

    // To the vector unit's memories.
    output wire                  o_pre_write,
    output wire [  PRE_BITS-1:0] o_pre_address,
    output wire [          15:0] o_pre_data,
    output wire                  o_x_read,
    output wire                  o_x_write,
    output wire [ WORD_BITS-1:0] o_x_word,
    output wire [          31:0] o_x_data,
    output wire [     LANES-1:0] o_lane,
    input  wire [  32*LANES-1:0] i_x,

    // Logits.
    output wire        o_logit_valid,
    input  wire        i_logit_ready,
    output wire [31:0] o_logit
);

  localparam [2:0] X = 3'd3, U = 3'd4;

  reg        running_r;
  reg        started_r;
  reg        q_r;
  reg        long_r;
  reg [ 2:0] target_r;
  reg        queued_r;
  reg        next_q_r;
  reg        next_long_r;
  reg [ 2:0] next_target_r;
  reg [16:0] row_r;
  reg        second_clock_r;  // of a row for x

  wire to_x = target_r == X;
  wire to_u = target_r == U;
  wire to_logits = target_r > U;

  assign o_none = !running_r;
  assign o_full = queued_r;
  assign o_start = running_r && !started_r && i_idle;
  assign o_q = q_r;
  assign o_beats = (long_r ? i_intermediate : i_hidden) >> BYTE_BITS;
  assign o_rows = to_logits ? i_vocabulary : to_u ? {2'b0, i_intermediate, 1'b0} : {3'b0, i_hidden};
  assign o_pairs_done = row_r[16:1];

  // A row is kept here while it is written: mmf_output's is at the end of a long path.
  reg [31:0] value_r;
  reg        row_valid_r;
  wire       row_done = row_valid_r && (to_logits ? i_logit_ready : !to_x || second_clock_r);
  assign o_row_ready = started_r && (!row_valid_r || row_done);

  always @(posedge i_clock) begin
    if (o_row_ready) begin
      value_r   <= i_row;
      row_valid_r <= i_row_valid;
    end
    if (i_reset) row_valid_r <= 1'b0;
  end

  wire finished = started_r && row_r == o_rows;

  always @(posedge i_clock) begin
    second_clock_r <= row_valid_r && to_x && !second_clock_r;
    if (o_start) begin
      started_r <= 1'b1;
      row_r <= 17'd0;
    end
    if (row_done) row_r <= row_r + 17'd1;

    if (i_issue && running_r && !finished) begin
      queued_r <= 1'b1;
      {next_q_r, next_long_r, next_target_r} <= {i_q, i_long, i_target};
    end
    if (!running_r || finished) begin
      // The next product is the one that waits, or the one that is just issued.
      running_r <= queued_r || i_issue;
      queued_r  <= 1'b0;
      started_r <= 1'b0;
      if (queued_r) {q_r, long_r, target_r} <= {next_q_r, next_long_r, next_target_r};
      else {q_r, long_r, target_r} <= {i_q, i_long, i_target};
    end
    if (i_reset) begin
      running_r <= 1'b0;
      started_r <= 1'b0;
      queued_r  <= 1'b0;
      second_clock_r <= 1'b0;
    end
  end

  // Row r of i, f, g and x is number r of a vector; rows 2k and 2k + 1 of u belong to number k and alternate in memory.
  wire [15:0] number = to_u ? row_r[16:1] : row_r[15:0];
  // Vectors fit their memories.
  // verilator lint_off UNUSEDSIGNAL
  wire [15:0] word = number >> LANE_BITS;
  // verilator lint_on UNUSEDSIGNAL
  assign o_pre_write = row_valid_r && !to_logits && !to_x;
  assign o_pre_address = to_u ? {{PRE_BITS - WORD_BITS - 1{1'b0}}, word[WORD_BITS-1:0], row_r[0]}
      : {{PRE_BITS - HIDDEN_WORD_BITS - 2{1'b0}}, target_r[1:0], word[HIDDEN_WORD_BITS-1:0]};
  wire fits_16 = value_r[31:15] == {17{value_r[31]}};
  assign o_pre_data = fits_16 ? value_r[15:0] : {value_r[31], {15{!value_r[31]}}};

  wire [31:0] x;
  generate
    if (LANES == 1) begin : one_lane
      assign o_lane = 1'b1;
      assign x = i_x;
    end else begin : lane_of_row
      assign o_lane = {{LANES - 1{1'b0}}, 1'b1} << number[LANE_BITS-1:0];
      assign x = i_x[{number[LANE_BITS-1:0], 5'b0}+:32];
    end
  endgenerate

  wire [31:0] sum = x + value_r;
  wire fits_31 = sum[31] == sum[30];
  assign o_x_read = row_valid_r && to_x && !second_clock_r;
  assign o_x_write = row_valid_r && second_clock_r;
  assign o_x_word = word[WORD_BITS-1:0];
  assign o_x_data = {sum[31], fits_31 ? sum[30:0] : {sum[31], {30{!sum[31]}}}};

  assign o_logit_valid = row_valid_r && to_logits;
  assign o_logit = value_r;

endmodule
