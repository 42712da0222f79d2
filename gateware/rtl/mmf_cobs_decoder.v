// COBS decoder (Cheshire and Baker, 1999) for a stream of frames that end in a zero, a byte a clock. An encoding is one
// byte longer than what it stands for, at least, so each byte in gives at most one out, in the same clock.
//
// At the delimiter o_end tells that a frame ends (empty ones are ignored) and o_malformed whether its encoding was bad:
// a zero within a block, or an i_error since the last delimiter. Of a malformed frame bytes may have come out before.
// Both forms of a full block at the end are taken, with an empty block after it and without.
//
// Cost on iCE40: 41 LUTs.
`default_nettype none

module mmf_cobs_decoder (
    input wire i_clock,
    input wire i_reset,

    // A byte of the line, or a byte that was lost.
    input wire       i_valid,
    input wire       i_error,
    input wire [7:0] i_data,

    output wire       o_valid,
    output wire [7:0] o_data,
    output wire       o_end,
    output wire       o_malformed
);

  // Bytes of the block that are still to come.
  reg [7:0] left_r;
  // A zero comes before the next block.
  reg zero_r;
  reg empty_r, bad_r;

  wire is_zero = i_data == 0;
  wire is_code = left_r == 0;

  assign o_valid = i_valid & ~is_zero & (~is_code | zero_r);
  assign o_data = is_code ? 8'd0 : i_data;
  assign o_end = i_valid & is_zero & ~empty_r;
  assign o_malformed = bad_r | ~is_code;

  always @(posedge i_clock) begin
    if (i_error) begin
      bad_r   <= 1;
      empty_r <= 0;
    end
    if (i_valid) begin
      empty_r <= is_zero;
      left_r  <= (is_code ? i_data : left_r) - 8'd1;
      if (is_code) zero_r <= ~&i_data;
    end
    if (i_valid & is_zero | i_reset) begin
      left_r  <= 0;
      zero_r  <= 0;
      bad_r   <= 0;
      empty_r <= 1;
    end
  end

endmodule

`default_nettype wire
