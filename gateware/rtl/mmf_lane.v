// One lane of the vector unit: its share of the memories, two multipliers, a square, an adder, a shifter and σ.
//
// A lane holds the numbers whose index is its own modulo LANES. mmf_microcode says what it does in each clock and names the
// registers; mmf_vector gives addresses. Letters of steps are those of docs/ARITHMETIC.md, section 4.
//
// 32×16-bit products (mul15) are two of 16×16, both signed: a = high·2^16 + low with low in −2^15 … 2^15 − 1, so
// mul15(a, b) = ((low·b + 2^14) >> 15) + 2·high·b. high is a >> 16, plus 1 if bit 15 of a is set; no operand of
// ARITHMETIC.md is above 2^31 − 2^16, so that fits 16 bits.
//
// σ(p) without |p|: with j = p >> 7 and r = p & 127, the nodes of SIGMA around p are u and u + 1, where u = j, or ~j if
// p < 0, and 128·σ = (128 − r)·node[j] + r·node[j + 1], where a negative p swaps the nodes' roles and takes 2^22 minus
// the sum. Only bits 21 … 7 of the sum count, so 2^22 is 0; the half is 64, or 63 where the sum is negative.
`default_nettype none

module mmf_lane #(
    parameter STATE_BITS = 14,  // addresses of the state memory (x, v, h; 32 bits a word)
    parameter GAIN_BITS = 15,  // of w (16 bits)
    parameter PRE_BITS = 11  // of pre-activations and n (16 bits)
) (
    input wire i_clock,

    // Row of microcode, without its addresses.
    input wire [2:0] i_a,
    input wire [2:0] i_b,
    input wire [1:0] i_first,
    input wire [1:0] i_second,
    input wire [1:0] i_c,
    input wire       i_node,
    input wire       i_of_shifted,
    input wire       i_flip,
    input wire       i_half,

    // State memory, written with R or with i_state_back.
    input  wire                  i_state_enable,
    input  wire                  i_state_write,
    input  wire [STATE_BITS-1:0] i_state_address,
    input  wire                  i_state_is_back,
    input  wire [          31:0] i_state_back,
    output wire [          31:0] o_state,

    // w.
    input  wire                 i_gain_enable,
    input  wire                 i_gain_write,
    input  wire [GAIN_BITS-1:0] i_gain_address,
    input  wire [         15:0] i_gain_data,
    output wire [         15:0] o_gain,

    // Pre-activations and n, written with i_pre_back or n.
    input wire                i_pre_read,
    input wire [PRE_BITS-1:0] i_pre_read_address,
    input wire                i_pre_write,
    input wire [PRE_BITS-1:0] i_pre_write_address,
    input wire                i_pre_is_back,
    input wire [        15:0] i_pre_back,

    input wire        i_sigma_write,
    input wire [ 7:0] i_sigma_index,
    input wire [15:0] i_sigma_data,

    // EMBED: bytes of the row, its scale (to C), the common shift.
    input wire       i_embed,
    input wire       i_row_scale_load,
    input wire [15:0] i_row_scale,
    input wire [ 7:0] i_byte,
    input wire [ 3:0] i_embedding_shift,

    // Shift of R to T: right by i_shift − 14.
    input wire [4:0] i_shift,
    input wire       i_round,

    // Maximum of |R|.
    input  wire        i_maximum_clear,
    input  wire        i_maximum_update,
    output wire [29:0] o_maximum,

    // Square of T or of the pre-activation, one clock later.
    input  wire        i_square_pre,
    output reg  [30:0] o_square,

    // Step D: R of that step, and q.
    input  wire [14:0] i_reciprocal,
    output wire [ 7:0] o_quantised
);

  reg signed [15:0] a_r;
  reg signed [15:0] b_r;
  reg signed [31:0] p_r;
  reg signed [31:0] r_r;
  reg signed [15:0] c_r;
  // Kept out of the multipliers, where it would be one register more.
  (* keep *)
  reg signed [15:0] t_r;

  wire [15:0] pre;
  wire [15:0] sigma;

  mmf_memory #(
      .WIDTH(32),
      .ADDRESS_BITS(STATE_BITS)
  ) state_memory (
      .i_clock(i_clock),
      .i_enable(i_state_enable),
      .i_write(i_state_write),
      .i_address(i_state_address),
      .i_data(i_state_is_back ? i_state_back : r_r),
      .o_data(o_state)
  );

  mmf_memory #(
      .WIDTH(16),
      .ADDRESS_BITS(GAIN_BITS)
  ) gain_memory (
      .i_clock(i_clock),
      .i_enable(i_gain_enable),
      .i_write(i_gain_write),
      .i_address(i_gain_address),
      .i_data(i_gain_data),
      .o_data(o_gain)
  );

  mmf_buffer #(
      .WIDTH(16),
      .ADDRESS_BITS(PRE_BITS)
  ) pre_memory (
      .i_clock(i_clock),
      .i_write(i_pre_write),
      .i_write_address(i_pre_write_address),
      .i_data(i_pre_is_back ? i_pre_back : t_r),
      .i_read(i_pre_read),
      .i_read_address(i_pre_read_address),
      .o_data(pre)
  );

  // --- σ ---------------------------------------------------------------------------------------------------------------
  // up3 (Q8 to Q11) is the shift by 3. Where it, or h >> 12, does not fit 16 bits, both nodes become entry 255: whatever r is.
  reg t_over_r;
  wire p_negative = i_of_shifted ? t_r[15] : pre[15];
  wire p_over = i_of_shifted ? t_over_r : pre[15:12] != {4{pre[15]}};
  wire [7:0] p_node = i_of_shifted ? t_r[14:7] : pre[11:4];
  wire [6:0] p_rest = i_of_shifted ? t_r[6:0] : {pre[3:0], 3'b0};

  wire [7:0] lower = (p_node ^ {8{p_negative}}) | {8{p_over}};
  wire [7:0] node = lower + {7'b0, i_node && lower != 8'd255};  // entry 256 equals entry 255

  // The weight of a node is ±r or ±(128 − r); that of the upper one is r, or 128 − r if p < 0.
  wire minus = p_negative ^ i_flip;
  wire of_upper = !i_node;
  wire rest_weight = of_upper ^ p_negative;
  wire [7:0] minus_rest = 8'd0 - {1'b0, p_rest};  // bit 7: r is not 0
  wire [15:0] weight = minus == rest_weight
      ? {{9{minus && minus_rest[7]}}, minus_rest[6:0]} | {8'b0, !minus && !minus_rest[7], 7'b0}
      : {{9{minus}}, p_rest};

  mmf_buffer #(
      .WIDTH(16),
      .ADDRESS_BITS(8)
  ) sigma_memory (
      .i_clock(i_clock),
      .i_write(i_sigma_write),
      .i_write_address(i_sigma_index),
      .i_data(i_sigma_data),
      .i_read(1'b1),
      .i_read_address(node),
      .o_data(sigma)
  );

  // --- factors and product ---------------------------------------------------------------------------------------------
  wire [31:0] wide = i_a[1] ? r_r : o_state;
  wire [15:0] high = wide[31:16] + {15'b0, wide[15]};
  // EMBED: rsh(p, s) is mul15(p, 2^(15 − s)); for s = 0 it is mul15(2p, 2^14).
  wire shift_none = i_embedding_shift == 0;
  wire [15:0] power = 16'h4000 >> (shift_none ? 4'd0 : i_embedding_shift - 4'd1);
  wire [15:0] scaled_byte = shift_none ? {{7{i_byte[7]}}, i_byte, 1'b0} : {{8{i_byte[7]}}, i_byte};

  always @(posedge i_clock) begin
    case (i_a)
      3'd0, 3'd2: a_r <= wide[15:0];
      3'd1, 3'd3: a_r <= high;
      3'd4: a_r <= sigma;
      3'd5: a_r <= pre;
      3'd6: a_r <= o_gain;
      default: a_r <= scaled_byte;
    endcase
    if (i_b[0]) begin
      case (i_b[2:1])
        2'd0: b_r <= o_gain;
        2'd1: b_r <= c_r;
        2'd2: b_r <= {1'b0, r_r[21:7]};
        default: b_r <= i_embed ? power : weight;
      endcase
    end
    p_r <= a_r * b_r;
  end

  // --- sum -------------------------------------------------------------------------------------------------------------
  reg [31:0] first;
  reg [31:0] second;
  reg        carry;

  always @* begin
    case (i_first)
      2'd0: first = i_half ? {25'b0, !minus, {6{minus}}} : 32'd0;
      2'd1: first = r_r;
      2'd2: first = o_state;
      default: first = ~o_state;
    endcase
    case (i_second)
      2'd0: second = 32'd0;
      2'd1: second = p_r;
      2'd2: second = {p_r[30:0], 1'b0};
      default: second = {{15{p_r[31]}}, p_r[31:15]};
    endcase
    carry = i_second == 2'd3 ? p_r[14] : i_first == 2'd3;
  end

  // verilator lint_off UNUSEDSIGNAL
  wire [32:0] sum = {first, 1'b1} + {second, carry};
  // verilator lint_on UNUSEDSIGNAL

  always @(posedge i_clock) begin
    r_r <= sum[32:1];
    if (i_row_scale_load) c_r <= i_row_scale;
    else if (i_c[0]) c_r <= r_r[15:0];
    else if (i_c[1]) c_r <= {pre[15:1], pre[0] || pre == 16'h8000};
  end

  // --- shift: T = rsh or floor of R -------------------------------------------------------------------------------------
  // The bit below the last one kept rounds; 32768 is taken as 32767.
  wire signed [46:0] unshifted = {r_r, 15'b0};
  // Upper bits are copies of the sign where they count.
  // verilator lint_off UNUSEDSIGNAL
  wire signed [46:0] shifted = unshifted >>> i_shift;
  // verilator lint_on UNUSEDSIGNAL
  wire t_over = r_r[31:27] != {5{r_r[31]}};  // of h >> 12; harmless elsewhere, where bit 15 is the sign
  wire [15:0] rounded = shifted[16:1] + {15'b0, shifted[0] && i_round && shifted[16:1] != 16'h7fff};

  always @(posedge i_clock) begin
    t_r <= {t_over ? r_r[31] : rounded[15], rounded[14:0]};
    t_over_r <= t_over;
  end

  // --- maximum ---------------------------------------------------------------------------------------------------------
  // |R| < 2^30 is (R xor sign) + sign; it is above the maximum if its sum with ~maximum has a carry. Kept is ~maximum, and the
  // sign is carried in by one bit more, so that both sums are one carry chain each.
  reg  [29:0] inverse_r;
  wire [29:0] ones = r_r[29:0] ^ {30{r_r[31]}};
  // verilator lint_off UNUSEDSIGNAL
  wire [31:0] compared = {1'b0, ones, 1'b1} + {1'b0, inverse_r, r_r[31]};
  // verilator lint_on UNUSEDSIGNAL
  assign o_maximum = ~inverse_r;

  always @(posedge i_clock) begin
    if (i_maximum_clear) inverse_r <= {30{1'b1}};
    else if (i_maximum_update && compared[31]) inverse_r <= ~(ones + {29'b0, r_r[31]});
  end

  // --- square and quantisation -----------------------------------------------------------------------------------------
  wire signed [15:0] root = i_square_pre ? pre : t_r;
  // The top bits are copies of the sign, or 0.
  // verilator lint_off UNUSEDSIGNAL
  wire signed [31:0] square = root * root;
  reg signed [31:0] quotient_r;
  // verilator lint_on UNUSEDSIGNAL

  always @(posedge i_clock) begin
    o_square   <= square[30:0];
    quotient_r <= t_r * $signed({1'b0, i_reciprocal});
  end

  assign o_quantised = quotient_r[29:22] + {7'b0, quotient_r[21]};

endmodule
