// Read port (one byte wide) on a quad SPI NOR flash; written for the Winbond W25Q128JV.
//
// Handshake: valid/ready on requests and on data; a request of n bytes gives exactly n bytes, in order. A request is
// taken in the clock in which the last byte of the one before is fetched from the flash, some clocks before that byte
// is handed over, and costs a jump: select high for GAP_CLOCKS, 8 command, 8 address and mode clocks, the dummies. (A
// token takes two requests; to find out that one begins where the last one ended would cost a hundredth of the chip.)
// While the reader is not ready SCK stops; no byte is ever fetched without a place for it.
//
// Each read sends its command, and mode bits that ask for no other read. In the continuous mode a jump would take 8
// clocks less; but when the FPGA restarts, its own loader sends ABh to a flash that waits for the address of an EDh
// read, and those bits ask for the continuous mode once more: no bitstream is found until the power is cut.
//
// Pads (iCE40, all cells on i_clock; the top needs nothing else):
//   select  SB_IO PIN_TYPE 6'b0101_01, D_OUT_0 = o_select_n (output registered in the pad)
//   SCK     SB_IO PIN_TYPE 6'b0100_01, D_OUT_0 = o_sck_0, D_OUT_1 = o_sck_1 (double rate output)
//   IO 0…3  SB_IO PIN_TYPE 6'b1101_00, D_OUT_0 = o_io_out[n], OUTPUT_ENABLE = o_io_enable[n], D_IN_0 = i_io_in_0[n],
//           D_IN_1 = i_io_in_1[n] (output and enable registered, double rate input); OUTPUT_CLK and INPUT_CLK = i_clock
// SCK rises in the middle of a clock and falls at its end, so what the pads send is stable half a clock before and
// after each rising edge. Single rate: the flash has a whole clock to answer. Double rate: half a clock, and the
// address goes out at half the speed (SCK changes in the middle of the clock only), because one clock without a
// shifted phase cannot put both edges of SCK in the middle of the data. o_sck_1 leaves and i_io_in_1 arrives on the
// falling edge of i_clock: both paths have half a clock.
//
// After reset: 8 clocks with every IO high (ends a continuous mode that others left), ABh (release from power-down), status register 2
// is read and, if the quad enable bit is clear, set by a volatile write (50h, 31h 02h: the other bits of the register
// are cleared until the next power-up). WAKE_CLOCKS of pause after each. Reads are EBh or EDh.
//
// Speed: 2 clocks a byte at single rate, 1 at double rate. A jump, from the clock in which the request is taken to the
// first byte on o_data: 27 clocks at single, 29 at double rate (READ_LATENCY 1, GAP_CLOCKS 1).
// Cost on an iCE40UP5K: 172 LUT, 110 flip-flops at single rate, 182 and 120 at double rate; 35 MHz placed and routed.
//
// Timing of the lines at 24 MHz, half a clock being 20.8 ns. Both directions are relative to the clock pin, as the data
// sheets give it (iCE40 UltraPlus, FPGA-DS-02008: clock to output 9.0 ns, setup -0.5 ns, hold 5.6 ns, all with the
// clock's own way of about 5 ns in them; W25Q128JV: tCLQV 7 ns, tCLQX 1.5 ns, tDVCH 2 ns, tCHDX 3 ns, tSLCH 5 ns,
// tSHSL 10 ns), with 0.5 ns of board each way:
//   to the flash    lines and select change with the clock, SCK rises half a clock later through the same kind of pad:
//                   20.8 ns less skew of setup, hold and tSLCH; select high for a clock, 41.7 ns
//   single rate     the flash answers to the fall of SCK at one clock edge and is taken in at the next:
//                   9.0 + 0.5 + 7 + 0.5 - 0.5 = 16.5 of 41.7 ns
//   double rate     the same way in half a clock: 16.5 of 20.8 ns. Halves of 45 : 55 still leave 2.2 ns; so the
//                   double rate wants a clock that is divided by two, or a PLL's of a good duty cycle
//   hold            the flash changes its lines only after the edge of SCK that leaves the pad at the instant of
//                   sampling: 5 (clock) + 1 (pad) + 0.5 + 1.5 + 0.5 = 8.5 ns after the clock pin, where 5.6 are needed
// In the fabric o_sck_1 and i_io_in_1 have half a clock: one register and a route of 3 … 7 ns, no logic between.
//
// Addresses and lengths are taken modulo 2^24, as the flash takes them; bytes must be 1 … 2^24 - 1.
`default_nettype none

module mmf_qspi_port #(
    // 0: EBh, single rate. 1: EDh, double rate (only flash of a DTR kind has it).
    parameter DTR = 0,
    // Clocks from the pin to i_io_in_0: 1 for SB_IO. At most 7.
    parameter READ_LATENCY = 1,
    // Pause after each command of the start, at least tRES1: 3 us.
    parameter WAKE_CLOCKS = 80,
    // Clocks of select high before a jump, at least tSHSL: 10 ns.
    parameter GAP_CLOCKS = 1
) (
    input wire i_clock,
    input wire i_reset,

    // Read port, slave.
    input  wire        i_request_valid,
    output wire        o_request_ready,
    /* verilator lint_off UNUSED */  // the flash has 24 address bits
    input  wire [31:0] i_request_address,
    input  wire [31:0] i_request_bytes,
    /* verilator lint_on UNUSED */
    output wire        o_data_valid,
    input  wire        i_data_ready,
    output wire [ 7:0] o_data,

    // Pads, see above.
    output wire       o_select_n,
    output wire       o_sck_0,
    output wire       o_sck_1,
    output wire [3:0] o_io_out,
    output wire [3:0] o_io_enable,
    input  wire [3:0] i_io_in_0,
    /* verilator lint_off UNUSED */  // single rate has no second sample
    input  wire [3:0] i_io_in_1
    /* verilator lint_on UNUSED */
);
    localparam [2:0] WAIT = 0, COMMAND = 1, ADDRESS = 2, DUMMY = 3, DATA = 4;
    localparam [2:0] STEP_LEAVE = 0, STEP_WAKE = 1, STEP_STATUS = 2, STEP_ENABLE = 3, STEP_QUAD = 4, STEP_READ = 5;

    localparam COUNT_BITS = $clog2(WAKE_CLOCKS + 1) < 5 ? 5 : $clog2(WAKE_CLOCKS + 1);
    localparam [31:0] WAIT_LAST_WIDE = WAKE_CLOCKS - 1;
    localparam [COUNT_BITS-1:0] WAIT_LAST = WAIT_LAST_WIDE[COUNT_BITS-1:0];
    localparam [31:0] GAP_FIRST_WIDE = WAKE_CLOCKS - GAP_CLOCKS;
    localparam [COUNT_BITS-1:0] GAP_FIRST = GAP_FIRST_WIDE[COUNT_BITS-1:0];
    localparam [COUNT_BITS-1:0] DUMMIES = DTR != 0 ? 7 : 4;

    // Bytes between the decision to fetch one and the return of its place: the least that never stops SCK.
    localparam PLACES = DTR != 0 ? READ_LATENCY + 3 : (READ_LATENCY + 6) / 2;
    localparam PLACE_BITS = $clog2(PLACES + 1);
    localparam [31:0] ALL_PLACES_WIDE = PLACES;
    localparam [PLACE_BITS-1:0] ALL_PLACES = ALL_PLACES_WIDE[PLACE_BITS-1:0];
    localparam [PLACE_BITS-1:0] ONE_PLACE = 1;

    // ---- What is to be fetched -------------------------------------------------------------------------------------
    reg [2:0] state_r;
    reg [2:0] step_r;
    reg [COUNT_BITS-1:0] count_r;
    reg open_r;                    // the flash is selected and reads
    reg busy_r;                    // bytes of the request are still to be fetched
    reg nibble_r;                  // the high half of a byte has been clocked (single rate)
    reg quad_r;                    // quad enable as read
    reg [23:0] left_r;             // minus the bytes still to be fetched: all ones says that this is the last
    reg [23:0] shift_r;            // address, then mode bits FFh (M5-4 = 11: not continuous)
    reg [PLACE_BITS-1:0] used_r;   // bytes under way or in the buffer

    wire in_data = state_r == DATA;
    wire start_byte = in_data && busy_r && !nibble_r && used_r != ALL_PLACES;
    wire end_byte = DTR != 0 ? start_byte : nibble_r;
    wire data_clock = start_byte || nibble_r;
    wire can_take = in_data && (busy_r ? end_byte && (&left_r) : 1'b1);
    wire take = can_take && i_request_valid;

    assign o_request_ready = can_take;

    wire [23:0] left = (take ? ~i_request_bytes[23:0] : left_r) + 24'd1;

    // ---- Commands of the start -------------------------------------------------------------------------------------
    reg [7:0] instruction;
    always @* begin
        case (step_r)
            STEP_LEAVE: instruction = 8'hff;
            STEP_WAKE: instruction = 8'hab;
            STEP_STATUS: instruction = 8'h35;
            STEP_ENABLE: instruction = 8'h50;
            STEP_QUAD: instruction = 8'h31;
            default: instruction = DTR != 0 ? 8'hed : 8'heb;
        endcase
    end
    // Behind 31h comes 02h; behind 35h it does not matter.
    wire command_bit = count_r[3] ? count_r[2:0] == 3'd6 : instruction[~count_r[2:0]];
    // The status read stops its clock when bit 1 is on the line, and leaves the pads time to bring it in.
    wire command_clock = !(step_r == STEP_STATUS && (count_r[4] || count_r[3:1] == 3'd7));
    wire command_end = step_r == STEP_STATUS ? &count_r[4:0] : step_r == STEP_QUAD ? &count_r[3:0] : &count_r[2:0];

    always @(posedge i_clock) begin
        count_r <= count_r + 1'b1;
        if (take) begin
            shift_r <= i_request_address[23:0];
            busy_r <= 1'b1;
        end else if (can_take) begin
            busy_r <= 1'b0;
        end
        if (take || end_byte) left_r <= left;
        if (DTR == 0) nibble_r <= start_byte;

        case (state_r)
            WAIT:
            if (count_r == WAIT_LAST) begin
                count_r <= 0;
                state_r <= step_r != STEP_READ || busy_r ? COMMAND : DATA;
            end
            COMMAND: begin
                quad_r <= i_io_in_0[1];
                if (command_end) begin
                    count_r <= 0;
                    state_r <= step_r == STEP_READ ? ADDRESS : WAIT;
                    if (step_r != STEP_READ) step_r <= step_r == STEP_STATUS && quad_r ? STEP_READ : step_r + 3'd1;
                end
            end
            ADDRESS: begin
                shift_r <= {shift_r[19:0], 4'hf};
                if (&count_r[2:0]) begin
                    count_r <= 0;
                    state_r <= DUMMY;
                end
            end
            DUMMY:
            if (count_r == DUMMIES) begin
                open_r <= 1'b1;
                state_r <= DATA;
            end
            default:
            if (take) begin
                count_r <= GAP_FIRST;
                state_r <= WAIT;
            end
        endcase
        if (i_reset) begin
            state_r <= WAIT;
            step_r <= STEP_LEAVE;
            count_r <= 0;
            open_r <= 1'b0;
            busy_r <= 1'b0;
            nibble_r <= 1'b0;
        end
    end

    // ---- Pads ------------------------------------------------------------------------------------------------------
    // Select and IO pass one more register in the pad than o_sck_1: its pulses wait a clock in slot_r, except those
    // that go with no output. The first clock of DUMMY is left to the pulse that still waits.
    reg select_n_r, sck_0_r, sck_1_r, slot_r;
    reg [3:0] out_r, enable_r;
    always @(posedge i_clock) begin
        // It stays low until the last pulse has ended.
        select_n_r <= (state_r == WAIT && !slot_r) || (in_data && !open_r);
        slot_r <= (state_r == COMMAND && command_clock) || (state_r == ADDRESS && !(DTR != 0 && count_r[0]));
        sck_0_r <= DTR != 0 && state_r == ADDRESS && count_r[0];
        sck_1_r <= slot_r || data_clock || (state_r == DUMMY && count_r[2:0] != 0);
        out_r <= state_r == ADDRESS ? shift_r[23:20] : {3'b111, command_bit};
        // IO 1 is the output of the flash in one-bit commands; IO 2 and 3 are /WP and /HOLD until quad is enabled.
        enable_r[1] <= state_r == ADDRESS || (state_r == COMMAND && step_r == STEP_LEAVE);
        {enable_r[3:2], enable_r[0]} <= {3{state_r == ADDRESS || state_r == COMMAND}};
        if (i_reset) begin
            select_n_r <= 1'b1;
            slot_r <= 1'b0;
            sck_0_r <= 1'b0;
            sck_1_r <= 1'b0;
            enable_r <= 4'd0;
        end
    end
    assign o_select_n = select_n_r;
    assign o_sck_0 = sck_0_r;
    assign o_sck_1 = sck_1_r;
    assign o_io_out = out_r;
    assign o_io_enable = enable_r;

    // ---- What comes back -------------------------------------------------------------------------------------------
    reg [READ_LATENCY:0] arriving_r;
    reg [3:0] high_r;
    reg [8*PLACES-1:0] buffer_r;  // a shift register: the newest byte lowest
    reg [PLACE_BITS-1:0] fill_r;

    wire push = arriving_r[READ_LATENCY];
    wire pop = o_data_valid && i_data_ready;
    wire [PLACE_BITS-1:0] oldest = fill_r - ONE_PLACE;

    assign o_data_valid = fill_r != 0;
    assign o_data = buffer_r[8 * oldest +: 8];

    always @(posedge i_clock) begin
        arriving_r <= {arriving_r[READ_LATENCY-1:0], end_byte};
        high_r <= DTR != 0 ? i_io_in_1 : i_io_in_0;
        if (push) buffer_r <= {buffer_r[8*PLACES-9:0], high_r, i_io_in_0};
        if (push != pop) fill_r <= push ? fill_r + ONE_PLACE : oldest;
        if (start_byte != pop) used_r <= start_byte ? used_r + ONE_PLACE : used_r - ONE_PLACE;
        if (i_reset) begin
            arriving_r <= 0;
            fill_r <= 0;
            used_r <= 0;
        end
    end

`ifdef FORMAL
    // Proved by induction for all requests and readers: gateware/formal/run.sh.
    reg started_r = 0;
    reg select_before_r = 1, leave_r = 1, drives_r = 0;
    initial assume (i_reset);
    always @(posedge i_clock) begin
        started_r <= i_reset || started_r;
        select_before_r <= i_reset || select_n_r;
        // The flash drives from the fall of SCK that ends the dummies, a clock after this, until it is deselected.
        drives_r <= !i_reset && !select_n_r && (drives_r || (state_r == DUMMY && count_r == DUMMIES));
        leave_r <= i_reset || step_r == STEP_LEAVE;
    end
    wire [PLACE_BITS-1:0] under_way = {{(PLACE_BITS - 1) {1'b0}}, arriving_r[0]} +
        {{(PLACE_BITS - 1) {1'b0}}, arriving_r[1]} + {{(PLACE_BITS - 1) {1'b0}}, nibble_r && DTR == 0};
    always @(posedge i_clock) begin
        if (started_r && !i_reset) begin
            // A byte that is fetched has a place (READ_LATENCY 1).
            assert (used_r <= ALL_PLACES);
            assert (fill_r <= used_r);
            assert (used_r == fill_r + under_way);
            // The lines are nobody's when the flash takes them over, and IO 1 is its output in all other commands.
            assert (!drives_r || enable_r == 0);
            assert (!enable_r[1] || leave_r || open_r || step_r == STEP_READ);
            // SCK runs only while the flash is selected, one clock before and after included.
            assert (!sck_1_r || (!select_n_r && !select_before_r));
            assert (!sck_0_r || (!select_n_r && !select_before_r));
            // Data are fetched from a flash that reads.
            assert (!data_clock || open_r);
            // What makes the induction go through.
            assert (state_r <= DATA && step_r <= STEP_READ);
            assert (state_r != DATA || step_r == STEP_READ);
            assert ((state_r != ADDRESS && state_r != DUMMY) || (step_r == STEP_READ && busy_r));
            assert ((!open_r && !busy_r) || step_r == STEP_READ);
            assert (state_r != COMMAND || step_r != STEP_READ || busy_r);
            assert (state_r != COMMAND || count_r <= (step_r == STEP_STATUS ? 31 : step_r == STEP_QUAD ? 15 : 7));
            assert (!busy_r || open_r || state_r != DATA);
            assert (state_r != ADDRESS || count_r <= 7);
            assert (state_r != DUMMY || count_r <= DUMMIES);
            assert (state_r != WAIT || count_r <= WAIT_LAST);
            assert (!nibble_r || (state_r == DATA && DTR == 0));
        end
    end
`endif
endmodule

`default_nettype wire
