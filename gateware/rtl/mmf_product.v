// The ternary product, step E of ARITHMETIC.md, section 4: acc[r] = Σ t[r][k]·q[k], five rows at a time, BYTES columns a
// clock, no multiplier. The rows leave one by one from a second set of five registers, while the next five are summed.
//
//   stage 0   a beat was taken, half decoded; its activations are read
//   stage 1   decoded, beside its activations
//   stage 2   5 · BYTES terms −q, 0 or q
//   …         one level of each row's adder tree a clock, none with BYTES = 1
//   then      acc += sum; or, with the last beat of a group, both go to the second set, which adds them as a row leaves:
//             so acc is cleared in that clock and can take the next group in the next one
//
// Everything stands still only while a last beat waits for the second set to be empty. With BYTES = 1, where a group is
// long and area short, acc takes the last beat too and goes to the second set alone in a clock of its own, in which
// everything stands still: one clock a group (hundreds of beats) for 60 LUTs.
// Start-up: 1 clock. After the last beat: LEVELS + 4 clocks to the first row (5 with BYTES = 1); o_idle one clock after
// the last row.
// Area (synth_ice40, BYTES = 1): 377 LUT4 with MAX_COLUMNS = 768, 415 with 8192; iCE40UP5K alone in nextpnr: 48 MHz.
// BYTES = 16 and 64, yosys 0.23: synth_xilinx -family xcup about 2,700 and 10,000 LUTs, 1,991 and 7,221 FFs; synth_ecp5
// about 2,960 and 10,900 LUT4 (carry cells as two), 2,003 and 7,237 FFs. About 160 LUTs a byte.
`default_nettype none

module mmf_product #(
    // Bytes a beat, a power of two, 1 … 64.
    parameter BYTES = 1,
    // Longest row, up to 8192: width of the sums.
    parameter MAX_COLUMNS = 8192
) (
    input wire i_clock,
    input wire i_reset,

    // A product: i_start while o_idle; the others count in that clock only.
    input  wire        i_start,
    input  wire        i_q,
    /* verilator lint_off UNUSED */  // not more than MAX_COLUMNS / BYTES
    input  wire [13:0] i_beats,      // columns / BYTES, at least 1
    /* verilator lint_on UNUSED */
    input  wire [16:0] i_rows,       // at least 1
    output wire        o_idle,

    // Weights.
    input  wire               i_data_valid,
    output wire               o_data_ready,
    input  wire [8*BYTES-1:0] i_data,

    // Activations, −127 … 127: i_q_data follows one clock after o_q_read, and stays until the next.
    output wire               o_q_read,
    output wire [       13:0] o_q_address,
    output wire               o_q_buffer,
    input  wire [8*BYTES-1:0] i_q_data,

    // Sums, signed, in the order of the rows.
    output wire        o_row_valid,
    input  wire        i_row_ready,
    output wire [20:0] o_row
);
    localparam LEVELS = $clog2(BYTES);
    localparam TERM_BITS = 8 + LEVELS;                // |sum of a beat| ≤ 127 · BYTES
    localparam SUM_BITS = 8 + $clog2(MAX_COLUMNS);    // |acc| ≤ 127 · MAX_COLUMNS
    localparam BEAT_BITS = $clog2(MAX_COLUMNS / BYTES) < 1 ? 1 : $clog2(MAX_COLUMNS / BYTES);
    localparam PAUSE = BYTES == 1;
    localparam LAST = LEVELS + 2;                     // the stage whose output goes to acc

    // Beats and groups, counted as they leave stage 0.
    reg active_r, q_r;
    reg [BEAT_BITS-1:0] beat_r, last_beat_r;
    reg [16:0] rows_r;  // not begun yet, this group's included; stays at the rows of the last group
    reg [LAST:0] valid_r;
    wire advance;
    wire pass = valid_r[0] & advance;
    wire group_end = beat_r == last_beat_r;
    wire final_group = rows_r <= 5;

    wire no_more = valid_r[0] & group_end & final_group;

    assign o_data_ready = active_r & advance & !no_more;
    assign o_q_read = pass;
    assign o_q_address = {{14 - BEAT_BITS{1'b0}}, beat_r};
    assign o_q_buffer = q_r;

    always @(posedge i_clock) begin
        if (i_start) begin
            q_r <= i_q;
            last_beat_r <= i_beats[BEAT_BITS-1:0] - 1'b1;
            rows_r <= i_rows;
        end else if (pass & group_end & !final_group) rows_r <= rows_r - 17'd5;
        if (i_reset | i_start | (pass & group_end)) beat_r <= 0;
        else if (pass) beat_r <= beat_r + 1'b1;
        if (i_reset) active_r <= 0;
        else if (i_start) active_r <= 1;
        else if (pass & group_end & final_group) active_r <= 0;
    end

    // What is in each stage: a beat, the last of its group, one of the last group.
    reg [LAST:1] end_r, final_r;
    always @(posedge i_clock) begin
        if (i_reset) valid_r <= 0;
        else if (advance) valid_r <= {valid_r[LAST-1:0], i_data_valid & o_data_ready};
        if (advance) begin
            end_r <= {end_r[LAST-1:1], group_end};
            final_r <= {final_r[LAST-1:1], final_group};
        end
    end

    // Both signs of the activations are made once for the five rows.
    wire [10*BYTES-1:0] trits;
    wire [8*BYTES-1:0] minus_q;

    genvar k, d;
    generate
        for (k = 0; k < BYTES; k = k + 1) begin : column
            mmf_trits decoder (.i_clock(i_clock), .i_enable(advance), .i_byte(i_data[8*k+:8]), .o_trits(trits[10*k+:10]));
            assign minus_q[8*k+:8] = -i_q_data[8*k+:8];
        end
    endgenerate

    // The second set: rows that leave.
    reg [5*SUM_BITS-1:0] held_r;
    reg [5*TERM_BITS-1:0] held_term_r;
    reg [2:0] held_rows_r;
    wire row_taken = o_row_valid & i_row_ready;
    wire [5*SUM_BITS-1:0] acc;
    wire [5*TERM_BITS-1:0] term;
    wire last_beat = valid_r[LAST] & end_r[LAST];
    reg full_r, full_final_r;  // PAUSE: acc holds a whole group
    wire place = held_rows_r == 0 | (held_rows_r == 1 & i_row_ready);
    wire load = place & (PAUSE ? full_r : last_beat);
    wire load_final = PAUSE ? full_final_r : final_r[LAST];

    assign advance = PAUSE ? !full_r : place | !last_beat;
    assign o_row_valid = held_rows_r != 0;
    assign o_idle = !active_r & valid_r == 0 & !full_r & held_rows_r == 0;

    always @(posedge i_clock) begin
        full_r <= PAUSE & !i_reset & (full_r ? !place : last_beat);
        if (advance) full_final_r <= final_r[LAST];
        if (i_reset) held_rows_r <= 0;
        else if (load) held_rows_r <= load_final ? rows_r[2:0] : 3'd5;
        else if (row_taken) held_rows_r <= held_rows_r - 1'b1;
        if (load) begin
            held_r <= acc;
            held_term_r <= PAUSE ? {5 * TERM_BITS{1'b0}} : term;
        end else if (row_taken) begin
            held_r <= held_r >> SUM_BITS;
            held_term_r <= held_term_r >> TERM_BITS;
        end
    end

    wire signed [SUM_BITS-1:0] first_acc = held_r[SUM_BITS-1:0];
    wire signed [SUM_BITS-1:0] first_term = {{SUM_BITS - TERM_BITS{held_term_r[TERM_BITS-1]}}, held_term_r[TERM_BITS-1:0]};
    wire signed [SUM_BITS-1:0] first = first_acc + first_term;
    assign o_row = {{21 - SUM_BITS{first[SUM_BITS-1]}}, first};

    generate
        for (d = 0; d < 5; d = d + 1) begin : row
            // The tree as a heap: node 1 is the root, node i adds 2i and 2i + 1, terms are BYTES … 2·BYTES − 1.
            /* verilator lint_off UNUSED */  // node 0, and the signs of the nodes far from the root
            wire [2*BYTES*TERM_BITS-1:0] node;
            /* verilator lint_on UNUSED */
            assign node[TERM_BITS-1:0] = 0;
            for (k = 1; k < 2 * BYTES; k = k + 1) begin : sum
                localparam WIDTH = TERM_BITS + 1 - $clog2(k + 1);
                reg signed [WIDTH-1:0] value_r;
                assign node[k*TERM_BITS+:TERM_BITS] = {{TERM_BITS + 1 - WIDTH{value_r[WIDTH-1]}}, value_r[WIDTH-2:0]};
                if (k >= BYTES) begin : leaf
                    wire [1:0] trit = trits[10*(k-BYTES)+2*d+:2];
                    always @(posedge i_clock)
                        if (advance)
                            value_r <= !trit[0] ? 8'd0 : trit[1] ? minus_q[8*(k-BYTES)+:8] : i_q_data[8*(k-BYTES)+:8];
                end else begin : branch
                    wire signed [WIDTH-1:0] left = node[2*k*TERM_BITS+:WIDTH];
                    wire signed [WIDTH-1:0] right = node[(2*k+1)*TERM_BITS+:WIDTH];
                    always @(posedge i_clock) if (advance) value_r <= left + right;
                end
            end
            wire [TERM_BITS-1:0] root = node[TERM_BITS+:TERM_BITS];
            assign term[d*TERM_BITS+:TERM_BITS] = root;

            reg signed [SUM_BITS-1:0] acc_r;
            wire signed [SUM_BITS-1:0] addend = {{SUM_BITS - TERM_BITS{root[TERM_BITS-1]}}, root};
            assign acc[d*SUM_BITS+:SUM_BITS] = acc_r;
            always @(posedge i_clock)
                if (i_reset | load) acc_r <= 0;
                else if (valid_r[LAST] & advance) acc_r <= acc_r + addend;
        end
    endgenerate
endmodule
