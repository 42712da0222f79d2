// The program: fetches one instruction after the other, waits for products where it says so, and hands it to the vector
// unit or to mmf_matmul. docs/GATEWARE.md, section 4.
`default_nettype none

module mmf_sequencer (
    input wire i_clock,
    input wire i_reset,

    // Program, before the first token.
    input wire        i_program_write,
    input wire [ 6:0] i_program_index,
    input wire [15:0] i_program_data,

    input wire [8:0] i_layers,

    // A token.
    input  wire i_start,
    input  wire i_taps,
    output wire o_busy,

    // The instruction, and who takes it.
    output wire [15:0] o_instruction,
    output wire        o_vector_start,
    input  wire        i_vector_idle,
    output wire        o_matmul_issue,
    input  wire        i_products_none,
    input  wire        i_products_full
);

  localparam [3:0] EMBED = 4'd1, MATMUL = 4'd5, TAP = 4'd9, LAYER = 4'd10, HEAD = 4'd11;
  localparam [7:0] WORDS = 8'd86;

  localparam [2:0] IDLE = 3'd0;
  localparam [2:0] FETCH = 3'd1;
  localparam [2:0] ISSUE = 3'd2;
  localparam [2:0] VECTOR = 3'd3;  // the vector unit has begun
  localparam [2:0] FINISH = 3'd4;  // the last products run

  reg  [2:0] state_r;
  reg  [7:0] counter_r;
  reg  [7:0] layer_r;

  // One block RAM; the output keeps the instruction while it executes.
  mmf_buffer #(
      .WIDTH(16),
      .ADDRESS_BITS(7)
  ) program_memory (
      .i_clock(i_clock),
      .i_write(i_program_write),
      .i_write_address(i_program_index),
      .i_data(i_program_data),
      .i_read(state_r == FETCH),
      .i_read_address(counter_r[6:0]),
      .o_data(o_instruction)
  );

  wire [3:0] operation = o_instruction[15:12];
  wire [1:0] wait_code = o_instruction[11:10];
  wire go_on = wait_code[1] || i_products_none || (wait_code[0] && !i_products_full);
  wire is_halt = operation == 0 || operation > HEAD || counter_r >= WORDS;
  wire is_matmul = operation == MATMUL;
  wire skip = operation == TAP && !i_taps;
  wire [8:0] next_layer = {1'b0, layer_r} + 9'd1;
  wire jump = operation == LAYER && next_layer != i_layers;

  assign o_busy = state_r != IDLE;
  assign o_matmul_issue = state_r == ISSUE && go_on && is_matmul && !is_halt && !i_products_full;
  assign o_vector_start = state_r == ISSUE && go_on && !is_matmul && !is_halt && !skip;

  always @(posedge i_clock) begin
    case (state_r)
      IDLE: if (i_start) state_r <= FETCH;
      FETCH: state_r <= ISSUE;
      ISSUE: begin
        if (is_halt) state_r <= FINISH;
        else if (o_vector_start) state_r <= VECTOR;
        else if (o_matmul_issue || (go_on && skip)) state_r <= FETCH;
      end
      VECTOR: if (i_vector_idle) state_r <= FETCH;
      FINISH: if (i_products_none) state_r <= IDLE;
      default: state_r <= IDLE;
    endcase

    if (state_r == IDLE) counter_r <= 8'd0;
    else if (state_r == ISSUE) begin
      if (o_vector_start && jump) counter_r <= o_instruction[7:0];
      else if (o_vector_start || o_matmul_issue || (go_on && skip)) counter_r <= counter_r + 8'd1;
    end

    if (o_vector_start && operation == EMBED) layer_r <= 8'd0;
    if (o_vector_start && operation == LAYER) layer_r <= next_layer[7:0];
    if (i_reset) state_r <= IDLE;
  end

endmodule
