// Five ternary weights of a byte of the section `ternary` (IMAGE.md, section 4): the byte is Σ (trit d + 1)·3^d.
// A byte above 242 is invalid there; here it reads as 242, five times +1.
//
// Two registers on the way, moved by i_enable; the trits follow the second. (At once it is 13 LUTs deep, 47 ns of an
// iCE40UP5K.)
//
// Trits 4 and 3 by comparison and subtraction, the three below by a table of the rest. The comparisons are written bit by
// bit, because synth_ice40 makes carry chains of `>=`: a third fewer LUTs.
`default_nettype none

module mmf_trits (
    input  wire       i_clock,
    input  wire       i_enable,
    input  wire [7:0] i_byte,
    output wire [9:0] o_trits  // trit d in bits 2d+1 … 2d, two's complement: 11 = −1, 00 = 0, 01 = +1
);
    wire [7:0] a = i_byte;
    wire more_4 = a[7] & (a[6] | (a[5] & a[4:1] != 0));                              // a ≥ 162
    wire some_4 = a[7] | (a[6] & (a[5] | (a[4] & a[3:0] != 0)));                     // a ≥ 81

    reg [6:0] b_r;                                                                   // ≤ 93
    wire more_3 = b_r[6] | (b_r[5] & b_r[4] & (b_r[3] | (b_r[2] & b_r[1])));         // b_r ≥ 54
    wire some_3 = b_r[6] | b_r[5] | (b_r[4] & b_r[3] & (b_r[2] | b_r[1] & b_r[0]));  // b_r ≥ 27

    reg [5:0] c_r;                                                                   // ≤ 39, above 26 of invalid bytes only

    // more: +1, some: 0, neither: −1
    reg [1:0] trit_4_r;
    reg [3:0] trits_43_r;
    always @(posedge i_clock)
        if (i_enable) begin
            b_r <= a[6:0] - (more_4 ? 7'd34 : some_4 ? 7'd81 : 7'd0);      // 34 = 162 mod 128
            c_r <= b_r[5:0] - (more_3 ? 6'd54 : some_3 ? 6'd27 : 6'd0);
            trit_4_r <= {!some_4, !some_4 | more_4};
            trits_43_r <= {trit_4_r, !some_3, !some_3 | more_3};
        end

    reg [5:0] low;
    integer rest;
    always @* begin
        low = 6'b01_01_01;
        for (rest = 0; rest < 26; rest = rest + 1)
            if (c_r == rest[5:0]) low = {trit(rest / 9), trit(rest / 3 % 3), trit(rest % 3)};
    end

    assign o_trits = {trits_43_r, low};

    function [1:0] trit(input integer digit);
        trit = digit == 0 ? 2'b11 : digit == 1 ? 2'b00 : 2'b01;
    endfunction
endmodule
