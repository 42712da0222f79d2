// What the core reads from memory: the section `vectors` once, then for each token its embedding row and the section `ternary`.
//
// The first two are taken byte by byte and put together to words of LANES numbers; the last goes to mmf_product as it is.
`default_nettype none

module mmf_reader #(
    parameter BYTES = 1,
    parameter BYTE_BITS = 0,  // log2 BYTES
    parameter [31:0] LANES = 1,
    parameter LANE_BITS = 0,  // log2 LANES
    parameter GAIN_BITS = 15,
    parameter ADDRESS_BITS = 32  // of the memory; higher bits of addresses are 0
) (
    input wire i_clock,
    input wire i_reset,

    // Sections: absolute addresses and lengths.
    input wire [13:0] i_hidden,
    // verilator lint_off UNUSEDSIGNAL
    input wire [31:0] i_vectors,
    input wire [31:0] i_vectors_bytes,
    input wire [31:0] i_embedding,
    input wire [31:0] i_ternary,
    input wire [31:0] i_ternary_bytes,
    // verilator lint_on UNUSEDSIGNAL

    // Pulses: read the vectors; read a token's row and the ternary section.
    input  wire        i_go,
    input  wire        i_start,
    input  wire [15:0] i_token,
    output reg         o_loaded,

    // Read port.
    output wire               o_request_valid,
    input  wire               i_request_ready,
    output wire [       31:0] o_request_address,
    output wire [       31:0] o_request_bytes,
    input  wire               i_data_valid,
    output wire               o_data_ready,
    input  wire [8*BYTES-1:0] i_data,

    // Words of w.
    output wire                 o_gain_write,
    output wire [GAIN_BITS-1:0] o_gain_index,
    output wire [ 16*LANES-1:0] o_gain_data,

    // Row: its scale, then words of LANES bytes.
    output wire               o_row_scale_valid,
    output wire [       15:0] o_row_scale,
    input  wire               i_row_scale_take,
    output wire               o_row_valid,
    output wire [8*LANES-1:0] o_row,
    input  wire               i_row_take,

    // Stream of the ternary section; the data are those of the port.
    output wire o_stream_valid,
    input  wire i_stream_ready
);

  // What is asked for, and what comes.
  localparam [1:0] NOTHING = 2'd0, VECTORS = 2'd1, ROW = 2'd2, TERNARY = 2'd3;
  reg [1:0] request_r;
  reg [1:0] part_r;

  // --- requests ---------------------------------------------------------------------------------------------------------
  wire [13:0] row_bytes = i_hidden + 14'd2;
  wire [13:0] stride = {row_bytes[13:1] + {12'b0, row_bytes[0]}, 1'b0};
  wire [31:0] row_offset = i_token * {2'b0, stride};
  reg [31:0] row_address_r;
  wire [31:0] address = request_r == ROW ? row_address_r : request_r == VECTORS ? i_vectors : i_ternary;
  wire [31:0] bytes = request_r == ROW ? {18'b0, row_bytes} : request_r == VECTORS ? i_vectors_bytes : i_ternary_bytes;

  assign o_request_valid = request_r != NOTHING;
  localparam [31:0] ADDRESS_MASK = 32'hffff_ffff >> (32 - ADDRESS_BITS);
  assign o_request_address = address & ADDRESS_MASK;
  assign o_request_bytes = bytes & ADDRESS_MASK;

  always @(posedge i_clock) begin
    if (i_start) row_address_r <= i_embedding + row_offset;
    if (i_go) request_r <= VECTORS;
    else if (i_start) request_r <= ROW;
    else if (o_request_valid && i_request_ready) request_r <= request_r == ROW ? TERNARY : NOTHING;
    if (i_reset) request_r <= NOTHING;
  end

  // --- bytes to words ---------------------------------------------------------------------------------------------------
  localparam FILL_BITS = LANE_BITS + 2;
  reg [16*LANES-1:0] word_r;
  reg [FILL_BITS-1:0] fill_r;  // bytes that the word lacks
  reg scale_r;  // the word is the row's scale
  reg [GAIN_BITS-1:0] index_r;

  wire by_byte = part_r == VECTORS || part_r == ROW;
  wire full = by_byte && fill_r == 0;
  wire word_taken = full && (part_r == VECTORS || (scale_r ? i_row_scale_take : i_row_take));
  // verilator lint_off UNUSEDSIGNAL
  wire [31:0] words = part_r == VECTORS ? i_vectors_bytes >> (1 + LANE_BITS) : {18'b0, i_hidden} >> LANE_BITS;
  // verilator lint_on UNUSEDSIGNAL
  wire all_taken = by_byte && index_r == words[GAIN_BITS-1:0];

  wire take_byte = by_byte && !all_taken && i_data_valid && fill_r != 0;
  wire [7:0] data_byte;
  wire beat_end;
  generate
    if (BYTES == 1) begin : whole
      assign data_byte = i_data;
      assign beat_end  = 1'b1;
    end else begin : part
      reg [BYTE_BITS-1:0] byte_r;
      assign data_byte = i_data[{byte_r, 3'b0}+:8];
      assign beat_end  = byte_r == {BYTE_BITS{1'b1}};
      always @(posedge i_clock) begin
        if (i_go) byte_r <= i_vectors[BYTE_BITS-1:0];
        else if (o_request_valid && i_request_ready && request_r == ROW) byte_r <= o_request_address[BYTE_BITS-1:0];
        else if (take_byte) byte_r <= byte_r + 1'b1;
      end
    end
  endgenerate

  localparam [FILL_BITS-1:0] NUMBERS = {LANES[FILL_BITS-2:0], 1'b0};
  localparam [FILL_BITS-1:0] BYTES_OF_WORD = LANES[FILL_BITS-1:0];

  // The last beat may hold more bytes than are wanted; it is let go with the last byte.
  reg last_beat_taken_r;
  wire drop = all_taken && !last_beat_taken_r;
  assign o_data_ready = part_r == TERNARY ? i_stream_ready : take_byte && beat_end || drop;

  always @(posedge i_clock) begin
    if (take_byte) begin
      word_r <= {data_byte, word_r[16*LANES-1:8]};
      fill_r <= fill_r - 1'b1;
      last_beat_taken_r <= beat_end;
    end
    if (word_taken) begin
      fill_r  <= part_r == VECTORS ? NUMBERS : BYTES_OF_WORD;
      scale_r <= 1'b0;
      if (!scale_r) index_r <= index_r + 1'b1;
    end
    if (all_taken) begin
      part_r <= part_r == ROW ? TERNARY : NOTHING;
      o_loaded <= 1'b1;
    end
    if (i_go || i_start) begin
      part_r  <= i_go ? VECTORS : ROW;
      fill_r  <= i_go ? NUMBERS : {{FILL_BITS - 2{1'b0}}, 2'd2};
      scale_r <= i_start;
      index_r <= 0;
    end
    if (i_reset) begin
      part_r   <= NOTHING;
      o_loaded <= 1'b0;
    end
  end

  assign o_gain_write = part_r == VECTORS && full;
  assign o_gain_index = index_r;
  assign o_gain_data = word_r;
  assign o_row_scale_valid = part_r == ROW && full && scale_r;
  assign o_row_scale = word_r[16*LANES-1-:16];
  assign o_row_valid = part_r == ROW && full && !scale_r;
  assign o_row = word_r[16*LANES-1-:8*LANES];
  assign o_stream_valid = part_r == TERNARY && i_data_valid;

endmodule
