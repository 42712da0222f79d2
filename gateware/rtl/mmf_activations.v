// q0 and q1: two buffers of int8 activations, written LANES at a time, read a beat of BYTES at a time.
`default_nettype none

module mmf_activations #(
    parameter BYTES = 1,
    parameter LANES = 1,
    parameter WORD_BITS = 10,  // addresses of words of LANES numbers in a buffer
    parameter BEAT_BITS = 10   // of beats
) (
    input wire i_clock,

    input wire                 i_write,
    input wire                 i_write_buffer,
    input wire [WORD_BITS-1:0] i_word,
    input wire [  8*LANES-1:0] i_data,

    input  wire                 i_read,
    input  wire                 i_read_buffer,
    input  wire [BEAT_BITS-1:0] i_beat,
    output wire [  8*BYTES-1:0] o_data
);

  localparam BANKS = BYTES / LANES;
  localparam BANK_BITS = $clog2(BANKS);

  genvar bank;
  generate
    for (bank = 0; bank < BANKS; bank = bank + 1) begin : banks
      wire here;
      if (BANKS == 1) begin : only
        assign here = 1'b1;
      end else begin : one_of
        localparam [BANK_BITS-1:0] OWN = bank;
        assign here = i_word[BANK_BITS-1:0] == OWN;
      end

      mmf_buffer #(
          .WIDTH(8 * LANES),
          .ADDRESS_BITS(BEAT_BITS + 1)
      ) buffer (
          .i_clock(i_clock),
          .i_write(i_write && here),
          .i_write_address({i_write_buffer, i_word[BANK_BITS+:BEAT_BITS]}),
          .i_data(i_data),
          .i_read(i_read),
          .i_read_address({i_read_buffer, i_beat}),
          .o_data(o_data[8*LANES*bank+:8*LANES])
      );
    end
  endgenerate

endmodule
