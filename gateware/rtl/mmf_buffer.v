// A memory with a port for writing and one for reading; the output holds until the next read. Block RAM.
//
// A word that is read in the clock in which it is written has no defined value.
`default_nettype none

module mmf_buffer #(
    parameter WIDTH = 16,
    parameter ADDRESS_BITS = 8
) (
    input wire i_clock,

    input wire                    i_write,
    input wire [ADDRESS_BITS-1:0] i_write_address,
    input wire [       WIDTH-1:0] i_data,

    input  wire                    i_read,
    input  wire [ADDRESS_BITS-1:0] i_read_address,
    output reg  [       WIDTH-1:0] o_data
);

  (* no_rw_check, ram_style = "block" *)
  reg [WIDTH-1:0] memory[0:(1<<ADDRESS_BITS)-1];

  always @(posedge i_clock) begin
    if (i_write) memory[i_write_address] <= i_data;
    if (i_read) o_data <= memory[i_read_address];
  end

endmodule
