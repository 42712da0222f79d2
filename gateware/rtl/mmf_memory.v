// A memory with one port: a clock reads or writes. The output holds until the next read.
//
// Yosys makes iCE40 SPRAM of it (synth_ice40 -spram), other tools block RAM; contents after power-up are undefined.
`default_nettype none

module mmf_memory #(
    parameter WIDTH = 32,
    parameter ADDRESS_BITS = 14
) (
    input wire i_clock,

    input  wire                    i_enable,
    input  wire                    i_write,
    input  wire [ADDRESS_BITS-1:0] i_address,
    input  wire [       WIDTH-1:0] i_data,
    output reg  [       WIDTH-1:0] o_data
);

  (* no_rw_check *)
  reg [WIDTH-1:0] memory[0:(1<<ADDRESS_BITS)-1];

  always @(posedge i_clock) begin
    if (i_enable) begin
      if (i_write) memory[i_address] <= i_data;
      else o_data <= memory[i_address];
    end
  end

endmodule
