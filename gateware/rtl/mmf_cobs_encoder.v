// COBS encoder (Cheshire and Baker, 1999): frames in, bytes of the line out, each frame followed by a zero and, if
// i_after_pause, preceded by one. A block of up to 254 bytes is gathered, then sent behind its code byte; meanwhile
// nothing is taken. A full block at the end of a frame is not followed by an empty one (docs/PROTOCOL.md, section 1).
//
// One frame: i_begin (pulse, while o_idle), then bytes with i_last at the last one; o_idle when its delimiter is out.
//
// Cost on iCE40: 78 LUTs, 1 EBR.
`default_nettype none

module mmf_cobs_encoder (
    input wire i_clock,
    input wire i_reset,

    input  wire i_begin,
    input  wire i_after_pause,
    output wire o_idle,

    input  wire       i_valid,
    output wire       o_ready,
    input  wire [7:0] i_data,
    input  wire       i_last,

    output wire       o_valid,
    input  wire       i_ready,
    output wire [7:0] o_data
);

  localparam [2:0] IDLE = 3'd0;
  localparam [2:0] PAUSE = 3'd1;  // a delimiter, then the frame
  localparam [2:0] FILL = 3'd2;
  localparam [2:0] CODE = 3'd3;
  localparam [2:0] FETCH = 3'd4;  // the memory answers
  localparam [2:0] BODY = 3'd5;
  localparam [2:0] DELIMITER = 3'd6;

  reg [2:0] state_r;
  // Bytes of the block; while it is sent, those left.
  reg [7:0] count_r;
  // Where the next byte of the block is.
  reg [7:0] at_r;
  reg last_r;
  // The frame ends in a zero, and so with an empty block.
  reg empty_r;

  // What is read while it is written is not used.
  (* no_rw_check *) reg [7:0] block_mem[0:255];
  reg [7:0] byte_r;
  wire is_zero = i_data == 0;
  wire takes = state_r == FILL & i_valid;
  always @(posedge i_clock) begin
    if (takes) block_mem[count_r] <= i_data;
    byte_r <= block_mem[at_r];
  end

  wire block_ends = count_r == (state_r == BODY ? 8'd1 : 8'd0);

  always @(posedge i_clock) begin
    case (state_r)
      IDLE: if (i_begin) state_r <= i_after_pause ? PAUSE : FILL;
      PAUSE: if (i_ready) state_r <= FILL;
      FILL: begin
        at_r <= 0;
        last_r <= i_last;
        empty_r <= i_last & is_zero;
        if (i_valid) begin
          if (~is_zero) count_r <= count_r + 1;
          if (is_zero | i_last | count_r == 253) state_r <= CODE;
        end
      end
      FETCH: state_r <= BODY;
      CODE, BODY:
      if (i_ready) begin
        if (block_ends) begin
          count_r <= 0;
          empty_r <= 0;
          state_r <= empty_r ? CODE : last_r ? DELIMITER : FILL;
        end else begin
          if (state_r == BODY) begin
            count_r <= count_r - 1;
            at_r <= at_r + 1;
          end
          state_r <= FETCH;
        end
      end
      default: if (i_ready) state_r <= IDLE;
    endcase
    if (i_reset) begin
      state_r <= IDLE;
      count_r <= 0;
    end
  end

  assign o_idle  = state_r == IDLE;
  assign o_ready = state_r == FILL;
  assign o_valid = state_r == PAUSE | state_r == CODE | state_r == BODY | state_r == DELIMITER;
  assign o_data  = state_r == CODE ? count_r + 8'd1 : state_r == BODY ? byte_r : 8'd0;

endmodule

`default_nettype wire
