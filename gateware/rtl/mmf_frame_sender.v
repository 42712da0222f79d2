// Makes the bytes of a frame, in front of mmf_cobs_encoder (docs/PROTOCOL.md, sections 1 to 3). The payload comes from
// where its parts are: the memory of HELLO, that of the results, the request. A byte takes three clocks: memories
// answer one clock after the address, and the choice of the byte has a clock of its own.
//
// | payload of | fields                                                                                       |
// | ---------- | -------------------------------------------------------------------------------------------- |
// | SYN-ACK    | NONCE                                                                                        |
// | HELLO      | HELLO                                                                                        |
// | DONE       | REQUEST: type of RESET                                                                       |
// | ERROR      | REFUSAL: code u16, type of the request u8, 0; FACT u32; LIMIT: V, or 0                       |
// | STEPPED    | TOKEN: id of the first candidate u32; RECEIPT u32; TAPS u32 each; CANDIDATES id, logit u32   |
//
// Cost on iCE40: 386 LUTs with its CRC and COBS encoder, 1 EBR.
`default_nettype none
`include "mmf_messages.vh"

module mmf_frame_sender (
    input wire i_clock,
    input wire i_reset,

    // Pulse, while o_idle. Kind, again, sequence and message are taken with it, the others as they go out.
    input  wire        i_start,
    input  wire        i_after_pause,
    input  wire [ 2:0] i_kind,
    input  wire        i_again,
    input  wire [ 7:0] i_sequence,
    input  wire [ 1:0] i_message,
    output wire        o_idle,
    input  wire [ 7:0] i_acknowledge,
    input  wire        i_has_room,
    input  wire [31:0] i_nonce,
    // Pulse: the window goes out. And whether a message is under way.
    output wire        o_announces,
    output wire        o_sends_message,

    // ERROR.
    input wire [ 2:0] i_error,
    input wire [ 7:0] i_type,
    input wire [31:0] i_fact,
    input wire [16:0] i_vocabulary,

    // HELLO: data one clock after the address.
    input  wire [9:0] i_hello_length,
    output wire [9:0] o_hello_address,
    input  wire [7:0] i_hello_data,

    // Results, likewise: candidates from 0 on, the receipt at 64, taps from 128 on.
    input  wire [ 6:0] i_taps,
    input  wire [ 6:0] i_candidates,
    output wire [ 7:0] o_results_address,
    input  wire [15:0] i_results_id,
    input  wire [31:0] i_results_word,

    // The line.
    output wire       o_valid,
    input  wire       i_ready,
    output wire [7:0] o_data
);

  localparam [2:0] DATA = 3'd0;
  localparam [2:0] ACK = 3'd1;
  localparam [2:0] SYN_ACK = 3'd3;
  localparam [2:0] END = 3'd5;

  localparam [1:0] HELLO = 2'd0;
  localparam [1:0] ERROR = 2'd1;
  localparam [1:0] DONE = 2'd2;
  localparam [1:0] STEPPED = 2'd3;

  localparam [2:0] MALFORMED_PAYLOAD = 3'd2;
  localparam [2:0] UNKNOWN_TOKEN = 3'd5;

  localparam [3:0] F_HEAD = 4'd0;
  localparam [3:0] F_NONCE = 4'd1;
  localparam [3:0] F_HELLO = 4'd2;
  localparam [3:0] F_REQUEST = 4'd3;
  localparam [3:0] F_REFUSAL = 4'd4;
  localparam [3:0] F_FACT = 4'd5;
  localparam [3:0] F_LIMIT = 4'd6;
  localparam [3:0] F_TOKEN = 4'd7;
  localparam [3:0] F_RECEIPT = 4'd8;
  localparam [3:0] F_TAPS = 4'd9;
  localparam [3:0] F_CANDIDATES = 4'd10;
  localparam [3:0] F_CRC = 4'd11;

  reg [2:0] kind_r;
  reg again_r;
  reg [7:0] sequence_r;
  reg [1:0] message_r;

  // From i_start to the last byte of the CRC.
  reg active_r;
  reg [3:0] field_r;
  // Byte within the field.
  reg [9:0] index_r;
  // The memories have answered; the byte is there.
  reg fetched_r, valid_r;
  reg [7:0] byte_r;
  reg is_last_r;

  wire encoder_ready, encoder_idle;
  wire takes = valid_r & encoder_ready;
  assign o_idle = ~active_r & encoder_idle;

  // Fields one after the other.
  wire is_crc = field_r == F_CRC;
  reg [9:0] length;
  reg [3:0] next_field;
  wire [3:0] candidates_or_crc = i_candidates != 0 ? F_CANDIDATES : F_CRC;
  always @* begin
    length = 10'd4;
    next_field = F_CRC;
    case (field_r)
      F_HEAD: begin
        length = 10'd6;
        if (kind_r == SYN_ACK) next_field = F_NONCE;
        if (kind_r == DATA) begin
          case (message_r)
            HELLO: next_field = F_HELLO;
            ERROR: next_field = F_REFUSAL;
            DONE: next_field = F_REQUEST;
            STEPPED: next_field = F_TOKEN;
          endcase
        end
      end
      F_HELLO: length = i_hello_length;
      F_REQUEST: length = 10'd1;
      F_REFUSAL: next_field = F_FACT;
      F_FACT: next_field = F_LIMIT;
      F_TOKEN: next_field = F_RECEIPT;
      F_RECEIPT: next_field = i_taps != 0 ? F_TAPS : candidates_or_crc;
      F_TAPS: begin
        length = {1'b0, i_taps, 2'b00};
        next_field = candidates_or_crc;
      end
      F_CANDIDATES: length = {i_candidates, 3'b000};
      default: ;
    endcase
  end
  wire [9:0] next_index = index_r + 10'd1;

  always @(posedge i_clock) begin
    fetched_r <= active_r & ~takes;
    valid_r <= active_r & fetched_r & ~takes;
    byte_r <= data;
    is_last_r <= next_index == length;
    if (takes) begin
      index_r <= is_last_r ? 10'd0 : next_index;
      if (is_last_r) field_r <= next_field;
      if (is_last_r & is_crc) active_r <= 0;
    end
    if (i_start) begin
      active_r <= 1;
      field_r <= F_HEAD;
      index_r <= 0;
      kind_r <= i_kind;
      again_r <= i_again;
      sequence_r <= i_sequence;
      message_r <= i_message;
    end
    if (i_reset) begin
      active_r  <= 0;
      fetched_r <= 0;
      valid_r   <= 0;
    end
  end

  assign o_hello_address = index_r;
  assign o_results_address =
      field_r == F_TAPS ? {1'b1, index_r[8:2]} : field_r == F_CANDIDATES ? {2'b00, index_r[8:3]} :
      {1'b0, field_r == F_RECEIPT, 6'd0};

  // The byte.
  function [7:0] byte_of(input [31:0] word, input [1:0] at);
    byte_of = word[8*at+:8];
  endfunction

  wire is_data = kind_r == DATA;
  reg [7:0] head;
  always @* begin
    case (message_r)
      HELLO: head = `MMF_HELLO;
      ERROR: head = `MMF_ERROR;
      DONE: head = `MMF_DONE;
      STEPPED: head = `MMF_STEPPED;
    endcase
    if (~is_data) head = 0;
    case (index_r[2:0])
      3'd0: head = {5'd0, kind_r};
      3'd1: ;
      3'd2: head = is_data ? sequence_r : 8'd0;
      3'd3: head = is_data | kind_r == ACK ? i_acknowledge : 8'd0;
      3'd4: head = {7'd0, i_has_room & kind_r != END};
      default: head = {7'd0, again_r};
    endcase
  end

  wire [1:0] at = index_r[1:0];
  wire has_fact = i_error == MALFORMED_PAYLOAD | i_error == UNKNOWN_TOKEN;
  wire is_id = field_r == F_TOKEN | field_r == F_CANDIDATES & ~index_r[2];
  // The upper bytes come down.
  // verilator lint_off UNUSEDSIGNAL
  wire [31:0] crc;
  // verilator lint_on UNUSEDSIGNAL
  reg [7:0] data;
  always @* begin
    case (field_r)
      F_HEAD: data = head;
      F_NONCE: data = byte_of(i_nonce, at);
      F_HELLO: data = i_hello_data;
      F_REQUEST: data = `MMF_RESET;
      F_REFUSAL: data = byte_of({8'd0, i_type, 13'd0, i_error}, at);
      F_FACT: data = has_fact ? byte_of(i_fact, at) : 8'd0;
      F_LIMIT: data = i_error == UNKNOWN_TOKEN ? byte_of({15'd0, i_vocabulary}, at) : 8'd0;
      F_CRC: data = ~crc[7:0];
      default: data = byte_of(is_id ? {16'd0, i_results_id} : i_results_word, at);
    endcase
  end

  // Its own low byte shifts the register, so the CRC comes out byte by byte.
  mmf_crc32 u_crc (
      .i_clock(i_clock),
      .i_clear(i_start),
      .i_valid(takes),
      .i_data(byte_r ^ {8{is_crc}}),
      .o_register(crc)
  );

  mmf_cobs_encoder u_encoder (
      .i_clock(i_clock),
      .i_reset(i_reset),
      .i_begin(i_start),
      .i_after_pause(i_after_pause),
      .o_idle(encoder_idle),
      .i_valid(valid_r),
      .o_ready(encoder_ready),
      .i_data(byte_r),
      .i_last(is_crc & is_last_r),
      .o_valid(o_valid),
      .i_ready(i_ready),
      .o_data(o_data)
  );

  assign o_sends_message = ~o_idle & is_data;
  assign o_announces = takes & field_r == F_HEAD & index_r[2:0] == 4;

endmodule

`default_nettype wire
