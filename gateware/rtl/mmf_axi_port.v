// Read port on an AXI4 memory: a read master with a queue, for ports of 8 … 64 bytes.
//
// Handshake: valid/ready on requests and on data. A request for the bytes [address, address + bytes) is answered, in
// order, by every aligned beat that holds one of them. It becomes incrementing bursts as long as the 4 KiB boundary
// (AXI, A3.4.1), 256 beats and BURST allow; a burst is sent as soon as the queue has a place for each of its beats
// that no other burst was promised. So o_axi_rready is always high, the port runs ahead of the reader by DEPTH + 1
// beats, and as many bursts are under way as fit in them. The next request is taken when the last burst of the one
// before is on its way. One ID: answers come in order.
//
// o_error rises with the first error response (SLVERR, DECERR) and stays until reset; the data go on, whatever they
// are.
// address + bytes must not exceed 2^32, bytes must not be 0.
//
// Speed: a beat each clock; on DDR4 (gateware/sim/dram_model.sv) 94.9 % of that, the rest are its refreshes.
// Cost, DEPTH 512: 16 bytes ECP5 218 LUT, 168 flip-flops, 4 DP16KD, Xilinx 163, 168, 2 RAMB36; 64 bytes ECP5 200, 160,
// 15, Xilinx 157, 160, 15 RAMB18 (synth_ecp5, synth_xilinx of Yosys 0.23).
`default_nettype none

module mmf_axi_port #(
    // Width of the port, a power of two, 8 … 64.
    parameter BYTES = 16,
    // Beats in the queue, a power of two. What covers the memory's latency and a refresh, and two bursts at least.
    parameter DEPTH = 512,
    // Longest burst in beats, a power of two up to 256 and DEPTH / 2.
    parameter BURST = 64
) (
    input wire i_clock,
    input wire i_reset,

    // Read port, slave.
    input  wire               i_request_valid,
    output wire               o_request_ready,
    input  wire [       31:0] i_request_address,
    input  wire [       31:0] i_request_bytes,
    output wire               o_data_valid,
    input  wire               i_data_ready,
    output wire [8*BYTES-1:0] o_data,

    // AXI4, read master.
    output wire               o_axi_arvalid,
    input  wire               i_axi_arready,
    output wire [       31:0] o_axi_araddr,
    output wire [        7:0] o_axi_arlen,
    output wire [        2:0] o_axi_arsize,
    output wire [        1:0] o_axi_arburst,
    input  wire               i_axi_rvalid,
    output wire               o_axi_rready,
    input  wire [8*BYTES-1:0] i_axi_rdata,
    // Only "error or not" counts, and beats are counted, not bursts.
    // verilator lint_off UNUSEDSIGNAL
    input  wire [        1:0] i_axi_rresp,
    input  wire               i_axi_rlast,
    // verilator lint_on UNUSEDSIGNAL

    output wire o_error
);
    localparam BEAT_BITS = $clog2(BYTES);
    localparam INDEX_BITS = 32 - BEAT_BITS;
    localparam DEPTH_BITS = $clog2(DEPTH);
    localparam PAGE_BEATS = 4096 / BYTES;
    // A burst ends at a multiple of so many beats: all bursts but the first and last of a request are this long.
    localparam BLOCK = BURST < PAGE_BEATS ? BURST : PAGE_BEATS;
    localparam BLOCK_BITS = $clog2(BLOCK);
    localparam [31:0] DEPTH_WIDE = DEPTH;
    localparam [31:0] SIZE_WIDE = BEAT_BITS;

    // ---- Bursts ----------------------------------------------------------------------------------------------------
    // Beats [next_r, last_r] are still to be asked for, if busy_r.
    reg busy_r;
    reg [INDEX_BITS-1:0] next_r, last_r;
    // The burst that is computed, then the one that is offered.
    reg planned_r;
    reg [INDEX_BITS-1:0] plan_r;
    reg [8:0] beats_r;
    reg offered_r;
    reg [INDEX_BITS-1:0] start_r;
    reg [7:0] length_r;
    // Places in the queue that no burst was promised.
    reg [15:0] free_r;

    // verilator lint_off UNUSEDSIGNAL
    wire [31:0] last_byte = i_request_address + i_request_bytes - 32'd1;
    // verilator lint_on UNUSEDSIGNAL
    wire take_request = i_request_valid && o_request_ready;
    wire ends_here = next_r[INDEX_BITS-1:BLOCK_BITS] == last_r[INDEX_BITS-1:BLOCK_BITS];
    wire [BLOCK_BITS-1:0] last_of_block = ends_here ? last_r[BLOCK_BITS-1:0] : {BLOCK_BITS{1'b1}};
    wire [BLOCK_BITS-1:0] beats_less_1 = last_of_block - next_r[BLOCK_BITS-1:0];
    wire plan = busy_r && (!planned_r || offer);

    wire has_room = free_r >= {7'd0, beats_r};
    wire offer = planned_r && has_room && (!offered_r || i_axi_arready);
    wire fetch;

    assign o_request_ready = !busy_r;

    always @(posedge i_clock) begin
        if (take_request) begin
            busy_r <= 1'b1;
            next_r <= i_request_address[31:BEAT_BITS];
            last_r <= last_byte[31:BEAT_BITS];
        end else if (plan) begin
            busy_r <= !ends_here;
            next_r <= {next_r[INDEX_BITS-1:BLOCK_BITS] + 1'b1, {BLOCK_BITS{1'b0}}};
        end

        if (plan) begin
            planned_r <= 1'b1;
            plan_r <= next_r;
            beats_r <= {{(9 - BLOCK_BITS) {1'b0}}, beats_less_1} + 9'd1;
        end else if (offer) begin
            planned_r <= 1'b0;
        end

        if (offer) begin
            offered_r <= 1'b1;
            start_r <= plan_r;
            length_r <= beats_r[7:0] - 8'd1;
        end else if (i_axi_arready) begin
            offered_r <= 1'b0;
        end

        free_r <= free_r - (offer ? {7'd0, beats_r} : 16'd0) + {15'd0, fetch};

        if (i_reset) begin
            busy_r <= 1'b0;
            planned_r <= 1'b0;
            offered_r <= 1'b0;
            free_r <= DEPTH_WIDE[15:0];
        end
    end

    assign o_axi_arvalid = offered_r;
    assign o_axi_araddr = {start_r, {BEAT_BITS{1'b0}}};
    assign o_axi_arlen = length_r;
    assign o_axi_arsize = SIZE_WIDE[2:0];
    assign o_axi_arburst = 2'b01;
    assign o_axi_rready = 1'b1;

    // ---- Queue -----------------------------------------------------------------------------------------------------
    // No place is read and written in one clock: what is read was written before, and its place is not free yet.
    (* no_rw_check *)
    reg [8*BYTES-1:0] queue_mem[0:DEPTH-1];
    reg [DEPTH_BITS:0] write_r, read_r;
    reg [8*BYTES-1:0] data_r;
    reg data_valid_r, error_r;

    assign fetch = write_r != read_r && (!data_valid_r || i_data_ready);

    always @(posedge i_clock) begin
        if (i_axi_rvalid) queue_mem[write_r[DEPTH_BITS-1:0]] <= i_axi_rdata;
        if (fetch) data_r <= queue_mem[read_r[DEPTH_BITS-1:0]];
    end

    always @(posedge i_clock) begin
        if (i_axi_rvalid) write_r <= write_r + 1'b1;
        if (fetch) read_r <= read_r + 1'b1;
        if (fetch) data_valid_r <= 1'b1;
        else if (i_data_ready) data_valid_r <= 1'b0;
        if (i_axi_rvalid && i_axi_rresp[1]) error_r <= 1'b1;
        if (i_reset) begin
            write_r <= 0;
            read_r <= 0;
            data_valid_r <= 1'b0;
            error_r <= 1'b0;
        end
    end
    assign o_data_valid = data_valid_r;
    assign o_data = data_r;
    assign o_error = error_r;

`ifdef FORMAL
    // Proved by induction for all requests, stalls and answers: gateware/formal/run.sh.
    // Beats that were asked for and have not come: a memory sends no others.
    reg [15:0] asked_r;
    initial assume (i_reset);
    always @(posedge i_clock) begin
        if (i_reset) asked_r <= 16'd0;
        else begin
            asked_r <= asked_r - {15'd0, i_axi_rvalid} +
                (offered_r && i_axi_arready ? {8'd0, length_r} + 16'd1 : 16'd0);
        end
    end
    always @* if (asked_r == 0) assume (!i_axi_rvalid);
    wire [32:0] request_end = {1'b0, i_request_address} + {1'b0, i_request_bytes};
    always @* if (i_request_valid) assume (i_request_bytes != 0 && request_end <= 33'h1_0000_0000);

    wire [DEPTH_BITS:0] level = write_r - read_r;
    wire [15:0] offered_beats = offered_r ? {8'd0, length_r} + 16'd1 : 16'd0;
    wire [31:0] burst_end = {24'd0, length_r} + {{(32 - BLOCK_BITS) {1'b0}}, start_r[BLOCK_BITS-1:0]};
    wire [31:0] plan_end = {23'd0, beats_r} + {{(32 - BLOCK_BITS) {1'b0}}, plan_r[BLOCK_BITS-1:0]};
    reg started_r = 0;
    always @(posedge i_clock) started_r <= i_reset || started_r;
    always @(posedge i_clock) begin
        if (started_r && !i_reset) begin
            // Each place of the queue is free, promised or taken: it never overflows.
            assert (free_r <= DEPTH);
            assert (level <= DEPTH);
            assert (asked_r <= DEPTH);
            assert (!busy_r || next_r <= last_r);
            assert (free_r + offered_beats + asked_r + {{(15 - DEPTH_BITS) {1'b0}}, level} == DEPTH);
            // No burst, nor what will be one, leaves its block, and a block lies in one page of 4 KiB.
            assert (!offered_r || burst_end < BLOCK);
            assert (!planned_r || (beats_r != 0 && plan_end <= BLOCK));
        end
    end
    // A burst waits unchanged.
    reg waited_r = 0;
    reg [INDEX_BITS+7:0] waited_burst_r;
    always @(posedge i_clock) begin
        waited_r <= offered_r && !i_axi_arready && !i_reset;
        waited_burst_r <= {start_r, length_r};
        if (waited_r && !i_reset) assert (offered_r && {start_r, length_r} == waited_burst_r);
    end
`endif
endmodule

`default_nettype wire
