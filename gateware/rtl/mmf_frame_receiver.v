// Checks decoded frames and takes out of them what the smallest board wants (docs/PROTOCOL.md, section 1): the head, and
// of the payload only the fields of SYN and STEP. A frame of any length is checked as it passes, nothing of it is kept
// beyond those.
//
// In the clock after the delimiter exactly one of o_good and o_bad is high; all other outputs belong to that frame, in
// that clock. Takes a byte a clock: the first byte after a delimiter is a code byte, of which nothing comes here.
//
// Cost on iCE40: 181 LUTs with its CRC.
`default_nettype none

module mmf_frame_receiver (
    input wire i_clock,
    input wire i_reset,

    // From mmf_cobs_decoder.
    input wire       i_valid,
    input wire [7:0] i_data,
    input wire       i_end,
    input wire       i_malformed,

    output wire o_good,
    output wire o_bad,

    // Kind of a good frame.
    output wire o_is_data,
    output wire o_is_ack,
    // With the magic bytes of its payload.
    output wire o_is_syn,
    output wire o_is_end,

    // Head. The two sequence numbers are compared as they pass: how far the message is ahead of i_expected (0, or less
    // than 0), and how many messages after i_sequence are acknowledged (0 or 1). Only frames of the session change those.
    input  wire [7:0] i_expected,
    input  wire [7:0] i_sequence,
    output wire [7:0] o_type,
    output wire       o_is_expected,
    output wire       o_is_behind,
    output wire       o_acknowledges_0,
    output wire       o_acknowledges_1,
    // The window is not 0.
    output wire       o_has_window,
    output wire       o_again,

    // Payload: its length; nonce of a SYN or token of a STEP; and the other fields of a STEP.
    output wire [12:0] o_length,
    output wire [31:0] o_word,
    output wire        o_taps,
    output wire [ 6:0] o_candidates,
    // A payload that a STEP may have, apart from its token.
    output wire        o_is_step
);

  localparam [2:0] DATA = 3'd0;
  localparam [2:0] ACK = 3'd1;
  localparam [2:0] SYN = 3'd2;
  localparam [2:0] SYN_ACK = 3'd3;
  localparam [2:0] BUSY = 3'd4;
  localparam [2:0] END = 3'd5;

  localparam [31:0] RESIDUE = 32'hdebb_20e3;

  // Bytes of the frame minus 10 for head and CRC: the length of the payload at the end. −10 … −5 is the head, payload
  // byte p comes at p − 4. Stops at 4,097, which is too long.
  reg [12:0] length_r;
  wire is_too_long = length_r[12] & ~length_r[11] & length_r[0];
  wire is_length = ~length_r[12] | length_r[11:0] == 0;
  wire is_head = &length_r[12:4] & (length_r[3:0] < 12);
  wire [2:0] head_index = length_r[2:0] - 3'd6;
  // Payload bytes 0 … 3, and 4 … 11.
  wire is_first_word = &length_r[12:2];
  wire is_next_words = length_r[12:3] == 0;

  reg [2:0] kind_r;
  reg [7:0] type_r;
  reg is_expected_r, is_behind_r, acknowledges_0_r, acknowledges_1_r;
  wire [7:0] ahead = i_data - i_expected;
  wire [7:0] acknowledged = i_data - i_sequence;
  reg has_window_r, again_r;
  // Of what came so far; and the verdict.
  reg bad_r;
  reg good_r, bad_frame_r;

  reg [31:0] word_r;
  reg taps_r;
  reg [6:0] candidates_r;
  reg is_magic_r, is_step_r;

  // "mmfree" and a zero.
  reg [7:0] magic;
  always @* begin
    case (length_r[2:0])
      3'd4, 3'd5: magic = "m";
      3'd6: magic = "f";
      3'd7: magic = "r";
      3'd2: magic = 8'd0;
      default: magic = "e";
    endcase
  end

  wire is_zero = i_data == 0;
  always @(posedge i_clock) begin
    if (i_valid) begin
      if (~is_too_long) length_r <= length_r + 1;

      if (is_head) begin
        case (head_index)
          3'd0: begin
            kind_r <= i_data[2:0];
            if (i_data > 8'd5) bad_r <= 1;
          end
          3'd1: type_r <= i_data;
          3'd2: begin
            is_expected_r <= ahead == 0;
            is_behind_r   <= ahead[7];
          end
          3'd3: begin
            acknowledges_0_r <= acknowledged == 0;
            acknowledges_1_r <= acknowledged == 1;
          end
          3'd4: begin
            has_window_r <= ~is_zero;
            if (i_data > 8'd32) bad_r <= 1;
          end
          default: begin
            again_r <= i_data[0];
            if (i_data[7:1] != 0 | i_data[0] & kind_r != ACK) bad_r <= 1;
          end
        endcase
        if ((head_index == 1 | head_index == 2) & kind_r != DATA & ~is_zero) bad_r <= 1;
        if (head_index == 3 & kind_r != DATA & kind_r != ACK & ~is_zero) bad_r <= 1;
      end

      // Payload bytes 0 … 6.
      if ((is_first_word | is_next_words & length_r[2:0] < 3) & i_data != magic) is_magic_r <= 0;
      if (is_first_word) begin
        case (length_r[1:0])
          2'd0: begin
            taps_r <= i_data[0];
            if (i_data[7:1] != 0) is_step_r <= 0;
          end
          2'd1: begin
            candidates_r <= i_data[6:0];
            if (i_data > 8'd64) is_step_r <= 0;
          end
          default: if (~is_zero) is_step_r <= 0;
        endcase
      end
      // What is left is payload 4 … 7 of DATA, 8 … 11 of others.
      if (is_next_words & ~(kind_r == DATA & length_r[2])) word_r <= {i_data, word_r[31:8]};
    end
    if (good_r | bad_frame_r | i_reset) begin
      length_r <= -13'd10;
      bad_r <= 0;
      is_magic_r <= 1;
      is_step_r <= 1;
    end
  end

  wire [31:0] crc;
  mmf_crc32 u_crc (
      .i_clock(i_clock),
      .i_clear(good_r | bad_frame_r | i_reset),
      .i_valid(i_valid),
      .i_data(i_data),
      .o_register(crc)
  );

  reg is_kind_length;
  always @* begin
    case (kind_r)
      DATA: is_kind_length = is_length;
      SYN: is_kind_length = length_r == 12;
      SYN_ACK: is_kind_length = length_r == 4;
      BUSY: is_kind_length = length_r == 8;
      default: is_kind_length = length_r == 0;
    endcase
  end

  // A frame without a whole head has a length of −1 or less.
  wire is_good = ~i_malformed & is_kind_length & crc == RESIDUE & ~bad_r;
  always @(posedge i_clock) begin
    good_r <= i_end & is_good & ~i_reset;
    bad_frame_r <= i_end & ~is_good & ~i_reset;
  end
  assign o_good = good_r;
  assign o_bad = bad_frame_r;
  assign o_is_data = kind_r == DATA;
  assign o_is_ack = kind_r == ACK;
  assign o_is_syn = kind_r == SYN & is_magic_r;
  assign o_is_end = kind_r == END;
  assign o_type = type_r;
  assign o_is_expected = is_expected_r;
  assign o_is_behind = is_behind_r;
  assign o_acknowledges_0 = acknowledges_0_r;
  assign o_acknowledges_1 = acknowledges_1_r;
  assign o_has_window = has_window_r;
  assign o_again = again_r;
  assign o_length = length_r;
  assign o_word = word_r;
  assign o_taps = taps_r;
  assign o_candidates = candidates_r;
  assign o_is_step = is_step_r & length_r == 8;

endmodule

`default_nettype wire
