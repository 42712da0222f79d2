// Addresses into w, the image's section `vectors`: base of the block in use, and a pointer that is set by walking.
//
// A walk starts at the base, or at 0, and adds a constant (a number of the block's 16, or 16 for the gains behind them), then
// so many times H, then I if asked for; at the end the base becomes the pointer if asked for. Numbers are in words of LANES.
`default_nettype none

module mmf_gain_pointer #(
    parameter GAIN_BITS  = 15,
    parameter LANE_BITS  = 0    // log2 LANES
) (
    input wire i_clock,

    input wire [13:0] i_hidden_words,
    input wire [13:0] i_intermediate_words,

    input  wire       i_start,
    input  wire       i_from_zero,
    input  wire [4:0] i_constant,  // in the clock after i_start
    input  wire [3:0] i_vectors,
    input  wire       i_and_intermediate,
    input  wire       i_save,
    output wire       o_busy,

    input  wire                 i_next,
    output wire [GAIN_BITS-1:0] o_address
);

  reg [GAIN_BITS-1:0] base_r;
  reg [GAIN_BITS-1:0] pointer_r;
  reg                 constant_r;
  reg [          3:0] vectors_r;
  reg                 intermediate_r;
  reg                 save_r;

  assign o_busy = constant_r || vectors_r != 0 || intermediate_r || save_r;
  assign o_address = pointer_r;

  wire [4:0] constant_words = i_constant >> LANE_BITS;

  // A vector fits w, which may have fewer words than 14 bits count.
  // verilator lint_off UNUSEDSIGNAL
  wire [GAIN_BITS+13:0] hidden = {{GAIN_BITS{1'b0}}, i_hidden_words};
  wire [GAIN_BITS+13:0] intermediate = {{GAIN_BITS{1'b0}}, i_intermediate_words};
  // verilator lint_on UNUSEDSIGNAL

  reg [GAIN_BITS-1:0] step;
  always @* begin
    if (constant_r) step = {{GAIN_BITS - 5{1'b0}}, constant_words};
    else if (vectors_r != 0) step = hidden[GAIN_BITS-1:0];
    else if (intermediate_r) step = intermediate[GAIN_BITS-1:0];
    else step = {{GAIN_BITS - 1{1'b0}}, i_next};
  end

  always @(posedge i_clock) begin
    if (i_start) begin
      pointer_r <= i_from_zero ? {GAIN_BITS{1'b0}} : base_r;
      constant_r <= 1'b1;
      vectors_r <= i_vectors;
      intermediate_r <= i_and_intermediate;
      save_r <= i_save;
    end else begin
      pointer_r <= pointer_r + step;
      constant_r <= 1'b0;
      if (!constant_r) begin
        if (vectors_r != 0) vectors_r <= vectors_r - 4'd1;
        else begin
          intermediate_r <= 1'b0;
          if (!intermediate_r) begin
            save_r <= 1'b0;
            if (save_r) base_r <= pointer_r;
          end
        end
      end
    end
  end

endmodule
