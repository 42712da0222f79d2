// The scalars of a vector: ARITHMETIC.md, section 4. One job at a time; i_start while no job runs.
//
//   job 0, step F   i_squares → s, ρ        41 − s clocks: 33 … 55, at most 41 for S ≥ 2^28
//   job 1, step D   i_maximum → d, a, R     26 … 40 clocks, one for each leading pair of zeros in 30 bits
//   job 2, step G   s, ρ, d, a, mm, em → c, shift (min(−x − 4, 32) of the text)     5 clocks; takes a: once a job 1
//
// i_squares, i_maximum, i_mm and i_em stay as they are from i_start to o_done. With o_done the results are there: s and ρ
// until the next job 0, d and R until the next job 0 or 1, a until any next job, c and shift likewise.
// i_squares = 0 and i_maximum = 0 count as 1: the vector is zero, and nothing of this is used.
//
// Root: digit by digit, from the highest pair of bits down. Leading zero pairs make leading zero digits, which only count
// for s; after 15 digits from the first 1 it stops, so the pairs below are cut off, and zeros follow the last one: that is
// S'. Job 1 shifts pairs in likewise, until the first one that is not zero has come to the top: that is a.
// Division: 15 steps of a restoring divider. 127·2^22 = 16256·2^15 and 2^29 − 1 = 16383·2^15 + (2^15 − 1), so the
// remainder begins with 16256 or 16383, below any divisor, and zeros or ones follow. ρ ≤ 32767 then, without the min.
// In job 2, p = a·ρ and c·mm are in 2^28 … 2^30, so norm15 shifts by 14 or 15: with n of them having a bit 29 and r of
// them rounding to 2^15, −x − 4 = s − d − em − 3 − n − r.
//
// Area (synth_ice40): 322 LUT4, 1 SB_MAC16; iCE40UP5K alone in nextpnr: 32 MHz.
`default_nettype none

module mmf_scale (
    input wire i_clock,
    input wire i_reset,

    // A job.
    input  wire       i_start,
    input  wire [1:0] i_job,
    output reg        o_done,

    // Operands.
    input wire [44:0] i_squares,
    /* verilator lint_off UNUSED */  // |u| < 2^30
    input wire [30:0] i_maximum,
    /* verilator lint_on UNUSED */
    input wire [14:0] i_mm,
    input wire [ 6:0] i_em,  // signed

    // Results.
    output wire [ 4:0] o_s,    // signed, −14 … 8
    output wire [14:0] o_rho,
    output wire [ 4:0] o_d,    // signed, −14 … 15
    output wire [14:0] o_a,
    output wire [14:0] o_r,
    output wire [14:0] o_c,
    output wire [ 5:0] o_shift
);
    localparam [2:0] IDLE = 0, PAIRS = 1, LOAD = 2, DIVIDE = 3, PRODUCT_1 = 4, NORM_1 = 5, PRODUCT_2 = 6, NORM_2 = 7;
    reg [2:0] step_r;
    reg maximum_r;  // job 1

    // The next pair of bits, from the top, read one clock before it is used: the first clock uses a pair of zeros, which
    // the first exponent allows for. Below pair 0 come zeros: pairs 31 … 23, and then 22 …, which are zero whenever it
    // comes to that.
    reg [4:0] pair_r, exponent_r;
    reg started_r;
    wire [127:0] pairs = {34'd0, i_maximum[29:0], 19'd0, i_squares};
    reg [1:0] given_r;
    wire leading = !started_r & given_r == 0;
    wire [1:0] pair = {given_r[1], given_r[0] | (leading & pair_r == 31)};

    // One subtractor for root and division.
    reg [15:0] digits_r;  // of the root, of the quotient; of a while it is shifted in
    reg [14:0] rest_r;
    reg [14:0] a_r;       // divisor: root or a; then c
    wire dividing = step_r == DIVIDE;
    wire [16:0] minuend = dividing ? {1'b0, rest_r, !maximum_r} : {rest_r, pair};
    wire [16:0] subtrahend = dividing ? {2'b0, a_r} : {1'b0, digits_r[13:0], 2'b01};
    /* verilator lint_off UNUSED */  // a rest is below 2^15, but for the last of a root, which is not used
    wire [17:0] difference = {1'b0, minuend} - {1'b0, subtrahend};
    /* verilator lint_on UNUSED */
    wire fits = !difference[17];
    wire last_pair = maximum_r ? digits_r[13:12] != 0 : digits_r[13];
    wire last_step = digits_r[14];  // the 1 that LOAD puts before the quotient

    reg [4:0] s_r, d_r;
    reg [14:0] rho_r;

    // Step G. A rounded p has bit 14, or is 2^15 and becomes 2^14.
    /* verilator lint_off UNUSED */
    reg [29:0] p_r;
    wire [15:0] rounded = (p_r[29] ? {1'b0, p_r[29:15]} : {1'b0, p_r[28:14]}) + {15'd0, p_r[29] ? p_r[14] : p_r[13]};
    /* verilator lint_on UNUSED */
    wire [14:0] factor = step_r == PRODUCT_2 ? i_mm : rho_r;
    // s, then less d, n + r, em, n + r. Thrice `~less`, which is 1 less than `- less`: those are the 3.
    reg [7:0] shift_r;
    wire [7:0] less = step_r == PRODUCT_1 ? {{3{d_r[4]}}, d_r} : step_r == PRODUCT_2 ? {i_em[6], i_em}
                      : {6'd0, p_r[29] & rounded[15], p_r[29] ^ rounded[15]};

    always @(posedge i_clock) begin
        o_done <= 0;
        case (step_r)
            IDLE:
            if (i_start) begin
                step_r <= i_job[1] ? PRODUCT_1 : PAIRS;
                maximum_r <= i_job[0];
                pair_r <= i_job[0] ? 5'd14 : 5'd22;
                exponent_r <= i_job[0] ? 5'd8 : 5'd9;
                started_r <= 0;
                given_r <= 0;
                shift_r <= {{3{s_r[4]}}, s_r};
                if (!i_job[1]) begin
                    digits_r <= 0;
                    rest_r <= 0;
                end
            end
            PAIRS: begin
                pair_r <= pair_r - 1'b1;
                given_r <= pairs[{maximum_r, pair_r, 1'b0}+:2];
                if (leading & pair == 0) exponent_r <= exponent_r - 1'b1;
                else started_r <= 1;
                digits_r <= maximum_r ? {digits_r[13:0], pair} : {digits_r[14:0], fits};
                rest_r <= fits ? difference[14:0] : minuend[14:0];
                if (last_pair) step_r <= LOAD;
            end
            LOAD: begin
                a_r <= digits_r[15] ? digits_r[15:1] : digits_r[14:0];
                if (maximum_r) d_r <= {exponent_r[3:0], digits_r[15]};
                else s_r <= exponent_r;
                digits_r <= 1;
                rest_r <= maximum_r ? 15'd16256 : 15'd16383;
                step_r <= DIVIDE;
            end
            DIVIDE: begin
                digits_r <= {1'b0, digits_r[13:0], fits};
                rest_r <= fits ? difference[14:0] : minuend[14:0];
                if (last_step) begin
                    if (!maximum_r) rho_r <= {digits_r[13:0], fits};
                    o_done <= 1;
                    step_r <= IDLE;
                end
            end
            default: begin  // step G: multiply, round, multiply, round
                p_r <= a_r * factor;
                if (step_r == NORM_1 | step_r == NORM_2) a_r <= {1'b1, rounded[13:0]};
                shift_r <= shift_r + ~less + {7'd0, step_r == NORM_2};
                step_r <= step_r == NORM_2 ? IDLE : step_r + 1'b1;
                o_done <= step_r == NORM_2;
            end
        endcase
        if (i_reset) begin
            step_r <= IDLE;
            o_done <= 0;
        end
    end

    assign o_s = s_r;
    assign o_rho = rho_r;
    assign o_d = d_r;
    assign o_a = a_r;
    assign o_r = digits_r[14:0];
    // x = −4 − shift: below 0 the scale saturates, above 32 every value is 0 anyway.
    assign o_c = shift_r[7] ? 15'd32767 : a_r;
    assign o_shift = shift_r[7] ? 6'd0 : shift_r[6:5] != 0 ? 6'd32 : shift_r[5:0];
endmodule
