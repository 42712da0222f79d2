// Step H of ARITHMETIC.md, section 4: value = sat_31(rsh(mul15(sum << 11, c), shift)), 0 if i_zero, one row after another.
//
// mul15(sum << 11, c) = ⌊(sum·c + 8) / 16⌋. With sum = 32·high + low, 0 ≤ low < 32, that is
// 2·high·c + ⌊low·c / 16⌋ + bit 3 of low·c: one multiplier of 16 × 16 bits does both, one after the other.
// rsh(p, s) = (p >> s) + bit s − 1 of p, 0 for s = 0.
//
// BYTES ≤ 2: one multiplier, and p is shifted by 1 a clock: 5 + shift clocks a row. One comes every columns / (5·BYTES)
// clocks, and five may wait in mmf_product. i_sum is taken in the second clock.
// Wider: a pipeline of four stages, a row each clock.
// Area (synth_ice40, BYTES = 1): 168 LUT4, 1 SB_MAC16; iCE40UP5K alone in nextpnr: 40 MHz.
`default_nettype none

module mmf_output #(
    // Bytes a beat of the product.
    parameter BYTES = 1
) (
    input wire i_clock,
    input wire i_reset,

    // A row's sum, signed.
    input  wire        i_valid,
    output wire        o_ready,
    input  wire [20:0] i_sum,

    // Scale of the product, stable from its first row to its last value.
    input wire [14:0] i_c,
    input wire [ 5:0] i_shift,  // 0 … 32
    input wire        i_zero,

    // Value, signed.
    output wire        o_valid,
    input  wire        i_ready,
    output wire [31:0] o_value
);
    generate
        if (BYTES <= 2) begin : serial
            localparam [2:0] HIGH = 0, LOW = 1, ADD = 2, SHIFT = 3, ROUND = 4, DONE = 5;
            reg [2:0] step_r;
            /* verilator lint_off UNUSED */  // |product| < 2^30
            reg signed [31:0] product_r;
            /* verilator lint_on UNUSED */
            reg signed [31:0] p_r;
            reg round_r;
            reg [5:0] left_r;

            // The product is that of the step before, and 0 after ADD.
            wire low = step_r == LOW;
            wire adding = step_r == ADD | step_r == ROUND;
            wire signed [15:0] factor = step_r == HIGH ? i_sum[20:5] : low ? {11'd0, i_sum[4:0]} : 16'd0;
            wire signed [15:0] c = {1'b0, i_c};
            always @(posedge i_clock) product_r <= factor * c;

            // One adder: 0 and the high product, the low one onto it, the last bit shifted out onto the rest.
            /* verilator lint_off UNUSED */  // the lowest bit only carries
            wire [32:0] sum = {p_r, 1'b1}
                + (low ? {product_r[30:0], 2'b0} : {16'd0, product_r[19:4], product_r[3] | round_r});
            /* verilator lint_on UNUSED */

            always @(posedge i_clock) begin
                case (step_r)
                    HIGH: if (i_valid) step_r <= LOW;
                    LOW: step_r <= ADD;
                    ADD: step_r <= i_shift == 0 ? ROUND : SHIFT;
                    SHIFT: if (left_r == 1) step_r <= ROUND;
                    ROUND: step_r <= DONE;
                    default: if (i_ready) step_r <= HIGH;
                endcase
                if (i_reset) step_r <= HIGH;

                if (step_r == HIGH) p_r <= 0;
                else if (low | adding) p_r <= sum[32:1];
                else if (step_r == SHIFT) p_r <= {p_r[31], p_r[31:1]};

                round_r <= step_r == SHIFT & p_r[0];
                left_r <= step_r == SHIFT ? left_r - 1'b1 : i_shift;
            end

            assign o_ready = low;
            assign o_valid = step_r == DONE;
            assign o_value = saturate(p_r, i_zero);
        end else begin : pipeline
            reg [3:0] valid_r;
            reg signed [35:0] product_r;
            reg signed [31:0] p_r;
            reg signed [31:0] shifted_r;
            reg round_r;
            reg [31:0] value_r;

            wire advance = !valid_r[3] | i_ready;
            wire signed [20:0] row = i_sum;
            wire signed [15:0] c = {1'b0, i_c};
            /* verilator lint_off UNUSED */  // the division by 16
            wire signed [35:0] rounded = product_r + 36'sd8;
            /* verilator lint_on UNUSED */
            wire signed [32:0] widened = {p_r, 1'b0};

            always @(posedge i_clock) begin
                if (i_reset) valid_r <= 0;
                else if (advance) valid_r <= {valid_r[2:0], i_valid};
                if (advance) begin
                    product_r <= row * c;
                    p_r <= rounded[35:4];
                    {shifted_r, round_r} <= widened >>> i_shift;
                    value_r <= saturate(shifted_r + {31'd0, round_r}, i_zero);
                end
            end

            assign o_ready = advance;
            assign o_valid = valid_r[3];
            assign o_value = value_r;
        end
    endgenerate

    function [31:0] saturate(input [31:0] value, input zero);
        saturate = {{2{value[31]}}, value[31] == value[30] ? value[29:0] : {30{!value[31]}}} & {32{!zero}};
    endfunction
endmodule
